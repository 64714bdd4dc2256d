"""A fact that an option or an answer gives: it counts more than what the brief says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pilotage.core.brief.facts import Brief, Flag, Migration, Source, Value, WindowFact
from pilotage.core.brief.parser import missing_in, parse
from pilotage.core.model import Severity, Strategy

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_VERSION = r"[A-Za-z0-9][A-Za-z0-9._+/@:-]{0,127}"


def given(brief: Brief, name: str, text: str, source: Source) -> Brief:
    """`brief` with the fact `name` as `text` says it. Raises ValueError with what was expected and what came."""
    said = " ".join(text.split())[:300]
    value = _READERS[name](said)
    if value is None:
        raise ValueError(f"expected {_EXPECTED[name]}, got {said[:60]!r}")
    changes = _changes(brief, name, value, source)
    conflicts = tuple(one for one in brief.conflicts if one.name != name.split()[0])
    doubts = tuple(
        one
        for one in brief.suspicious
        if not (name == "traffic" and one.kind == "implausible" and "request" in one.text)
    )
    changed = replace(brief, conflicts=conflicts, suspicious=doubts, **changes)
    return replace(changed, missing=missing_in(changed))


def _changes(brief: Brief, name: str, value: Any, source: Source) -> dict[str, Any]:
    if name == "service":
        return {"services": (Value(value, source=source), *brief.services[1:])}
    if name == "migration reversible":
        return {"migration": Value(Migration(value), source=source)}
    if name.startswith("window "):
        present = brief.window.value if brief.window else WindowFact()
        return {"window": Value(_merged(present, value), source=source)}
    return {name: Value(value, source=source)}


def _merged(present: WindowFact, said: WindowFact) -> WindowFact:
    date = said.date or present.date
    opens, closes = said.opens or present.opens, said.closes or present.closes
    whole = parse(f"Window: {date} {opens}-{closes}").window
    closes_date = whole.value.closes_date if whole else ""
    return WindowFact(date, opens, closes, said.zone or present.zone, closes_date)


def _matching(pattern: str) -> Callable[[str], str | None]:
    return lambda text: text if re.fullmatch(pattern, text, re.ASCII) else None


def _severity(text: str) -> Severity | None:
    found = parse(f"Severity: {text}").severity
    return found.value if found else None


def _strategy(text: str) -> Strategy | None:
    found = parse(f"Strategy: {text}").strategy
    return found.value if found else None


def _traffic(text: str) -> Any:
    """Without a conflict: an answer is not read in two ways."""
    read = parse(f"Traffic: {text}")
    return read.traffic.value if read.traffic and not read.conflicts else None


def _window(text: str) -> WindowFact | None:
    found = parse(f"Window: {text}").window
    return found.value if found else None


def _date(text: str) -> WindowFact | None:
    found = _window(f"{text} 10:00-11:00")
    return WindowFact(date=found.date) if found and found.date else None


def _time(text: str) -> WindowFact | None:
    found = _window(text)
    return WindowFact(opens=found.opens, closes=found.closes) if found and found.opens and found.closes else None


def _zone(text: str) -> WindowFact | None:
    if re.fullmatch(r"(?:[A-Z][A-Za-z_]+/)+[A-Z][A-Za-z_]+|UTC", text):
        return WindowFact(zone=text)
    return None


def _yes_or_no(text: str) -> bool | None:
    if text.lower() in ("yes", "y", "ja", "j", "sí", "si", "true"):
        return True
    return False if text.lower() in ("no", "n", "nein", "false") else None


_READERS: dict[str, Callable[[str], Any]] = {
    "summary": lambda text: text[:200] or None,
    "service": _matching(_NAME),
    "severity": _severity,
    "environment": lambda text: {"prod": "production"}.get(text.lower(), _matching(_NAME)(text)),
    "version": lambda text: _matching(_VERSION)(re.sub(r"^v(?=\d)", "", text)),
    "previous": lambda text: _matching(_VERSION)(re.sub(r"^v(?=\d)", "", text)),
    "traffic": _traffic,
    "strategy": _strategy,
    "window": _window,
    "window date": _date,
    "window time": _time,
    "window zone": _zone,
    "flag": lambda text: Flag(True, text) if re.fullmatch(r"[A-Za-z0-9][\w.:/-]{0,99}", text) else None,
    "migration reversible": _yes_or_no,
}
_EXPECTED = {
    "summary": "one line",
    "service": "a name of letters, digits, '.', '_', '-'",
    "severity": "P0, P1 or P2",
    "environment": "a name such as production",
    "version": "a version such as 2.4.1",
    "previous": "a version such as 2.4.0",
    "traffic": "a rate such as 5M/day, 3500/min or 58/s",
    "strategy": "canary, blue-green or rolling",
    "window": 'a window such as "2026-11-25 22:00-02:00 Europe/Berlin"',
    "window date": "a date such as 2026-11-25",
    "window time": "two times such as 22:00-02:00",
    "window zone": "a time zone such as Europe/Berlin or UTC",
    "flag": "the flag's name",
    "migration reversible": "yes or no",
}
