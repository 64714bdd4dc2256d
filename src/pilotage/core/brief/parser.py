"""A short brief in plain words -> facts with their place in the text. Deterministic: rules, no model.

What the text does not say stays None and is listed in `missing`; what it says twice differently is in `conflicts`.
"""

from __future__ import annotations

import re
from typing import TypeVar

from pilotage.core.brief.facts import Brief, Conflict, Flag, Impact, Traffic, Value
from pilotage.core.model import Severity, Strategy

T = TypeVar("T")


_FLAGS = re.IGNORECASE | re.ASCII
_SUMMARY = re.compile(
    r"\b(?:for|plan:|deploy|release|ship)\s+(?:the\s+|an?\s+)?([^.\n:;]{0,150}?\bhot-?\s?fix)\b", _FLAGS
)
_FIX = re.compile(r"\b([^.\n:;]{3,100}?\b(?:hot-?\s?fix|bug ?fix|fix|patch))\b", _FLAGS)
_SERVICE = re.compile(r"\bservice\s*[:=]\s*([a-z0-9][a-z0-9._-]{0,62})", _FLAGS)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_SEVERITY = re.compile(r"\b(?:p|sev-?|severity\s*[:=]?\s*)([012])\b", _FLAGS)
_IMPACT = re.compile(r"(\d{1,3}(?:\.\d{1,4})?)\s?%\s+(?:of\s+)?(?:the\s+|all\s+)?([a-z][a-z0-9 _/-]{1,60})", _FLAGS)
_BROKEN = re.compile(r"\b(fail\w*|broken|error\w*|down|affected|crash\w*|timing out|timeouts?)\b", _FLAGS)
_ENVIRONMENT = re.compile(r"\b(production|prod|staging|stage|testing|test|qa)\b", _FLAGS)
_NAMED_ENVIRONMENT = re.compile(r"\benvironment\s*[:=]\s*([a-z0-9][a-z0-9_-]{0,62})", _FLAGS)
_TRAFFIC = re.compile(
    r"(\d[\d,_]{0,15}(?:\.\d{1,6})?)\s?(k|m|million|thousand|bn?|billion)?\s*(?:requests?|req|rps|reqs|hits)?\s*"
    r"(?:/|per\s|an?\s)\s?(days?|d|hours?|h|minutes?|min|seconds?|sec|s)\b",
    _FLAGS,
)
_STRATEGY = re.compile(r"\b(canary|blue[\s/-]?green|rolling)\b", _FLAGS)
_FLAG = re.compile(r"\b(no |without (?:a )?)?(?:feature[\s-]?(?:flag|toggle)s?)\b", _FLAGS)
_VERSION_WORD = r"v?(\d[A-Za-z0-9._+-]{0,60}[A-Za-z0-9]|\d)"
_VERSIONS = re.compile(rf"\bfrom\s+{_VERSION_WORD}\s+to\s+{_VERSION_WORD}", _FLAGS)
_VERSION = re.compile(rf"\bversion\s*[:=]?\s*{_VERSION_WORD}", _FLAGS)
_PREVIOUS = re.compile(
    rf"\b(?:previous|rollback to|currently|running)\s*(?:version)?\s*[:=]?\s*{_VERSION_WORD}", _FLAGS
)

_SCALE = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
_PER_DAY = {"d": 1.0, "h": 24.0, "m": 1440.0, "s": 86400.0}
_NOT_A_SERVICE = {
    "a",
    "an",
    "the",
    "our",
    "my",
    "this",
    "urgent",
    "critical",
    "hot-fix",
    "hotfix",
    "fix",
    "null",
    "bug",
}
_ENVIRONMENTS = {"prod": "production", "stage": "staging", "testing": "test"}


def parse(text: str) -> Brief:
    """Never raises, whatever the text. Of two severities or strategies the more careful one is taken and listed."""
    text = text[:20_000]
    conflicts: list[Conflict] = []
    summary = _summary(text)
    service = _service(text, summary)
    severity = _severity(text, conflicts)
    environment = _environment(text, conflicts)
    traffic = _traffic(text, conflicts)
    strategy = _strategy(text, conflicts)
    version, previous = _versions(text)
    wanted: dict[str, object | None] = {
        "summary": summary,
        "service": service,
        "severity": severity,
        "environment": environment,
        "traffic": traffic,
        "version": version,
        "previous": previous,
    }
    return Brief(
        text=text,
        summary=summary,
        services=(service,) if service else (),
        severity=severity,
        impact=_impact(text),
        environment=environment,
        traffic=traffic,
        strategy=strategy,
        flag=_feature_flag(text),
        version=version,
        previous=previous,
        missing=tuple(name for name, value in wanted.items() if value is None),
        conflicts=tuple(conflicts),
    )


def _of(match: re.Match[str], value: T, group: int = 0, confidence: float = 1.0) -> Value[T]:
    return Value(value, match.start(group), match.end(group), confidence)


def _summary(text: str) -> Value[str] | None:
    if match := _SUMMARY.search(text):
        return _of(match, " ".join(match[1].split()), 1)
    if match := _FIX.search(text):
        return _of(match, " ".join(match[1].split()), 1, 0.6)
    return None


def _service(text: str, summary: Value[str] | None) -> Value[str] | None:
    if match := _SERVICE.search(text):
        return _of(match, match[1], 1)
    if summary is None:
        return None
    for match in _WORD.finditer(text, summary.start, summary.end):
        if match[0].lower() not in _NOT_A_SERVICE:
            return _of(match, match[0].lower(), confidence=0.7 * summary.confidence)
    return None


def _severity(text: str, conflicts: list[Conflict]) -> Value[Severity] | None:
    """With two severities: the one with the longer watch (P2 before P1 before P0), as doubt must not shorten it."""
    found = [_of(match, Severity(f"P{match[1]}")) for match in _SEVERITY.finditer(text)]
    if not found:
        return None
    taken = max(found, key=lambda one: one.value)
    _conflict("severity", [one.value for one in found], taken.value, "the longer watch", conflicts)
    return taken


def _impact(text: str) -> Value[Impact] | None:
    for match in _IMPACT.finditer(text):
        if (broken := _BROKEN.search(match[2])) and float(match[1]) <= 100:
            what = match[2][: broken.end()].strip()
            return _of(match, Impact(float(match[1]) / 100, what))
    return None


def _environment(text: str, conflicts: list[Conflict]) -> Value[str] | None:
    named = [_of(match, match[1].lower(), 1) for match in _NAMED_ENVIRONMENT.finditer(text)]
    found = named or [_of(match, match[1].lower(), 1, 0.7) for match in _ENVIRONMENT.finditer(text)]
    if not found:
        return None
    names = [_ENVIRONMENTS.get(one.value, one.value) for one in found]
    index = names.index("production") if "production" in names else 0
    _conflict("environment", names, names[index], "production is guarded hardest", conflicts)
    return Value(names[index], found[index].start, found[index].end, found[index].confidence)


def _traffic(text: str, conflicts: list[Conflict]) -> Value[Traffic] | None:
    """Requests per day. With two figures the smaller one: less traffic means less is promised."""
    found = []
    for match in _TRAFFIC.finditer(text):
        number = float(match[1].replace(",", "").replace("_", ""))
        per_day = _PER_DAY[match[3][0].lower()] * _SCALE.get((match[2] or "").lower(), 1.0)
        if number > 0:
            found.append(_of(match, Traffic(number * per_day / 86400)))
    if not found:
        return None
    taken = min(found, key=lambda one: one.value.per_s)
    _conflict(
        "traffic", [f"{one.value.per_s:,.0f}/s" for one in found], f"{taken.value.per_s:,.0f}/s", "the least", conflicts
    )
    return taken


def _strategy(text: str, conflicts: list[Conflict]) -> Value[Strategy] | None:
    names = {"c": Strategy.CANARY, "b": Strategy.BLUE_GREEN, "r": Strategy.ROLLING}
    found = [_of(match, names[match[1][0].lower()]) for match in _STRATEGY.finditer(text)]
    if not found:
        return None
    taken = next((one for one in found if one.value is Strategy.CANARY), found[0])
    _conflict("strategy", [one.value for one in found], taken.value, "the smallest first step", conflicts)
    return taken


def _feature_flag(text: str) -> Value[Flag] | None:
    match = _FLAG.search(text)
    return _of(match, Flag(match[1] is None)) if match else None


def _versions(text: str) -> tuple[Value[str] | None, Value[str] | None]:
    if match := _VERSIONS.search(text):
        return _of(match, match[2], 2), _of(match, match[1], 1)
    before = _PREVIOUS.search(text)
    taken = before.span() if before else (0, 0)
    after = next((one for one in _VERSION.finditer(text) if not taken[0] <= one.start() < taken[1]), None)
    return (_of(after, after[1], 1) if after else None), (_of(before, before[1], 1) if before else None)


def _conflict(
    name: str, found: list[str] | list[Severity] | list[Strategy], taken: str, why: str, to: list[Conflict]
) -> None:
    different = list(dict.fromkeys(str(one) for one in found))
    if len(different) > 1:
        to.append(Conflict(name, tuple(different), taken, why))
