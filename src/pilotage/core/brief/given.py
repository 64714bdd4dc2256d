"""A fact said by an option or typed as an answer: it replaces what the brief says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from pilotage.core.brief.facts import Brief, Flag, Migration, Source, Traffic, Value, WindowFact
from pilotage.core.brief.flags import flag
from pilotage.core.brief.needed import names
from pilotage.core.brief.parser import parse
from pilotage.core.brief.reading import Reading, shown
from pilotage.core.brief.window import window
from pilotage.core.model import Severity, Strategy
from pilotage.core.redact import redact

T = TypeVar("T")

_YES = re.compile(
    r"(?i)\s*(?:y|yes|ja|j|s[ií]|true|reversible|can be undone|it can(?: be undone)?|umkehrbar)\s*[.!]?\s*"
)
_NO = re.compile(
    r"(?i)\s*(?:n|no|nein|false|irreversible|not reversible|none|it cannot(?: be undone)?|cannot be undone"
    r"|keine?)\s*[.!]?\s*"
)
_NONE = re.compile(r"(?i)\s*(?:no|none|nein|keine?|ninguna?|off|without)\b.*")
_NAME = re.compile(r"[A-Za-z0-9][\w./-]{0,62}")
_VERSION = re.compile(r"[A-Za-z0-9][\w.+-]{0,62}")
_HAS_DIGIT = re.compile(r"\d")


def given(brief: Brief, name: str, text: str, source: Source) -> Brief:
    """`brief` with the fact `name` (as in `Brief.missing`, or strategy or flag) read out of `text` alone.

    Raises ValueError ("expected ..., got ...") when `text` cannot be understood or two things are meant.
    """
    reader = _READERS.get(name)
    if reader is None:
        raise ValueError(f"expected one of {', '.join(_READERS)}, got {name!r}")
    changed = replace(brief, **reader(brief, text.strip(), source))
    conflicts = tuple(one for one in brief.conflicts if not _settles(name, one.name))
    return replace(changed, missing=names(changed), conflicts=conflicts)


def _settles(name: str, conflict: str) -> bool:
    return conflict == name or conflict.startswith(f"{name} ")


def _wrong(expected: str, text: str) -> ValueError:
    return ValueError(f"expected {expected}, got {shown(redact(text)) or 'nothing'}")


def _value(value: T, source: Source) -> Value[T]:
    return Value(value, 0, 0, 1.0, source)


def _only(found: Value[T] | None, understood: Brief, name: str, expected: str, text: str, source: Source) -> Value[T]:
    if found is None or any(_settles(name, one.name) for one in understood.conflicts):
        raise _wrong(expected, text)
    return _value(found.value, source)


def _summary(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    line = shown(redact(text))
    if not line:
        raise _wrong("one line that says what is changed", text)
    return {"summary": _value(line, source)}


def _service(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    found = [one.strip() for one in re.split(r",|;|\s(?:and|und|y)\s", text) if one.strip()]
    if not found or not all(_NAME.fullmatch(one) for one in found):
        raise _wrong("a service's name such as payment, several with commas", text)
    return {"services": tuple(_value(one, source) for one in dict.fromkeys(found))}


def _environment(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    if not _NAME.fullmatch(text):
        raise _wrong("an environment such as production or staging", text)
    return {"environment": _value((parse(f"environment: {text}").environment or Value(text)).value, source)}


def _severity(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    understood = parse(f"severity: {text}")
    found: Value[Severity] | None = understood.severity
    return {"severity": _only(found, understood, "severity", "P0, P1 or P2", text, source)}


def _version(field: str) -> Callable[[Brief, str, Source], dict[str, Any]]:
    def read(brief: Brief, text: str, source: Source) -> dict[str, Any]:
        word = text.removeprefix("version ").strip()
        if not _VERSION.fullmatch(word) or not _HAS_DIGIT.search(word):
            raise _wrong("a version such as 2.4.1", text)
        return {field: _value(word, source)}

    return read


def _traffic(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    understood = parse(f"traffic: {text}")
    found: Value[Traffic] | None = understood.traffic
    return {
        "traffic": _only(
            found, understood, "traffic", "requests and their period, such as 5M/day or 58/s", text, source
        )
    }


def _window(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    reading = Reading(f"window: {text}")
    found = window(reading)
    if found is None or reading.conflicts or not found.value.opens:
        raise _wrong("a window such as 2026-11-25 22:00-23:00 Europe/Berlin", text)
    return {"window": _value(found.value, source)}


def _window_date(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    reading = Reading(f"window: {text}")
    found = window(reading)
    if found is None or reading.conflicts or not found.value.date:
        raise _wrong("a day such as 2026-11-25", text)
    before = brief.window.value if brief.window else WindowFact()
    return {"window": _value(replace(before, date=found.value.date, closes_date=found.value.closes_date), source)}


def _window_zone(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    found = window(Reading(f"window: 2000-01-01 00:00-01:00 {text}"))
    if found is None or not found.value.zone:
        raise _wrong("a time zone such as Europe/Berlin or UTC", text)
    return {
        "window": _value(replace(brief.window.value if brief.window else WindowFact(), zone=found.value.zone), source)
    }


def _strategy(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    understood = parse(f"strategy: {text}")
    found: Value[Strategy] | None = understood.strategy
    return {"strategy": _only(found, understood, "strategy", "canary, blue-green or rolling", text, source)}


def _flag(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    if _NONE.fullmatch(text):
        return {"flag": _value(Flag(False), source)}
    if _YES.fullmatch(text):
        return {"flag": _value(Flag(True), source)}
    if _NAME.fullmatch(text):
        return {"flag": _value(Flag(True, text), source)}
    found = flag(Reading(text))
    if found is None:
        raise _wrong("yes, no, or the flag's name such as new-payment", text)
    return {"flag": _value(found.value, source)}


def _reversible(brief: Brief, text: str, source: Source) -> dict[str, Any]:
    if _YES.fullmatch(text):
        return {"migration": _value(Migration(True), source)}
    if _NO.fullmatch(text):
        return {"migration": _value(Migration(False), source)}
    raise _wrong("yes or no", text)


_READERS: dict[str, Callable[[Brief, str, Source], dict[str, Any]]] = {
    "service": _service,
    "severity": _severity,
    "environment": _environment,
    "version": _version("version"),
    "previous": _version("previous"),
    "traffic": _traffic,
    "summary": _summary,
    "window": _window,
    "window date": _window_date,
    "window zone": _window_zone,
    "strategy": _strategy,
    "flag": _flag,
    "migration reversible": _reversible,
}
