"""When it may happen: dates, times and zone of a window. Two different windows: none is taken."""

from __future__ import annotations

import re

from pilotage.core.brief.dates import AMBIGUOUS, CLOCK, DATE, UNNAMED_DATE, ZONE, clock, date, zone
from pilotage.core.brief.facts import Conflict, Value, WindowFact
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading

_DATE = Pattern(DATE)
_TO = r" {0,2}(?:-|to|until|till|bis|a|hasta|and|und|y|through|a las|hasta las|bis zum|al|→|->) {0,2}"
_BARE = r"\d{1,2}(?:[:.]\d\d)?"
_ZONED = r"(?: ?(?:utc|gmt|z|ces?t|mes?z))?"
_RANGE = Pattern(
    rf"(?:(?<![\w.:/-])|(?<=\dt))(?P<from>{CLOCK}|(?:(?<=from )|(?<=von )|(?<=between )|(?<=zwischen )|(?<=de )"
    rf"|(?<=entre )"
    rf"|(?<=: )|(?<=, )|(?<=\d )){_BARE}|\d{{1,2}}(?= ?(?:-|to|bis|a) ?\d{{1,2}} ?(?:am|pm|uhr|h\b))){_ZONED}{_TO}"
    rf"(?:the |el |las |la |los )?(?:(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mie|jue|vie|sab"
    rf"|dom)[a-z]{{0,7}},? )?(?P<date>{UNNAMED_DATE}(?:t|,? (?:at |um |a las )?))?"
    rf"(?P<to>{CLOCK}|{_BARE}(?:[:.]\d\d)?(?= ?(?:uhr|h\b|utc|gmt|ces?t|mez|[.,;)\n]|$)))"
)
_START = Pattern(
    rf"(?:\b(?:at|from|um|ab|after|nach|a las|desde las|starting|starts?|beginn|inicio)|[ ,:t]) ?(?P<from>{CLOCK})"
)
_WORDS = Pattern(
    r"\b(?:window|maintenance|scheduled?|deploy(?:ment|ed|ing)?|roll ?out|planned|release|start(?:s|ing)?"
    r"|wartungs\w*|zeitfenster|fenster|geplant|termin|ausroll\w*|bereitstell\w*"
    r"|ventana|mantenimiento|programad[oa]|despliegue|desplegar|planificad[oa]|tomorrow|tonight|(?:mon|tues|wednes"
    r"|thurs|fri|satur|sun)day|morgen|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|manana|lunes"
    r"|martes|miercoles|jueves|viernes|sabado|domingo"
    r"|on|am|el|between|zwischen|entre)\b"
)
_HAPPENED = Pattern(
    r"\b(?:since|reported|started failing|began|happened|first seen|noticed|seit|gemeldet|aufgetreten|begonnen"
    r"|desde el|reportad[oa]|detectad[oa]|ocurri\w*|empezo|freeze|frozen|was|were|war)\b"
)
_STRONG = Pattern(
    r"\b(?:window|maintenance|scheduled?|wartungs\w*|zeitfenster|geplant|ventana|mantenimiento|programad[oa]"
    r"|planificad[oa])\b"
)


def window(reading: Reading) -> Value[WindowFact] | None:
    """Labelled windows, else sentences with a range of times or with a date and a word for planning."""
    found: list[Value[WindowFact]] = []
    for segment in reading.labels.of("window"):
        if fact := _read(reading, segment.start, segment.end, segment.confidence):
            found.append(fact)
    if not found:
        found = _in_sentences(reading)
    return _settled(reading, found)


def _in_sentences(reading: Reading) -> list[Value[WindowFact]]:
    found: list[Value[WindowFact]] = []
    done = 0
    places = sorted(
        {match.start() for match in _RANGE.finditer(reading.low)}
        | {match.start() for match in _DATE.finditer(reading.low)}
    )
    for place in places:
        if place < done or reading.in_label(
            place, "version", "previous", "ticket", "impact", "summary", "service", "note", "on-call"
        ):
            continue
        start, end = reading.sentence(place)
        done = end
        if _HAPPENED.search(reading.low, start, end):
            continue
        ranged = _RANGE.search(reading.low, start, end)
        if not (ranged and (_WORDS.search(reading.low, start, end) or _DATE.search(reading.low, start, end))) and not (
            _STRONG.search(reading.low, start, end)
            or (_WORDS.search(reading.low, start, end) and _START.search(reading.low, start, end))
        ):
            continue
        if fact := _read(reading, start, end, 0.85):
            found.append(fact)
    return found


def _read(reading: Reading, start: int, end: int, sure: float) -> Value[WindowFact] | None:
    """One window out of a span: its dates, its times, its zone; the value's span covers what was used."""
    used: list[tuple[int, int]] = []
    dates = _dates(reading, start, end, used)
    opens, closes, ambiguous = "", "", False
    ranged = _RANGE.search(reading.low, start, end)
    if ranged:
        half = re.search(r"[ap]m", ranged["to"])
        opens = clock(ranged["from"], half[0] if half and not re.search(r"[ap]m|:", ranged["from"]) else "")
        closes = clock(ranged["to"])
        used.append((ranged.start("from"), ranged.end("to")))
        if not opens or not closes:
            reading.doubt("implausible", f"{reading.said(*ranged.span())}: no such time", *ranged.span())
            opens = closes = ""
    elif single := _START.search(reading.low, start, end):
        opens = clock(single["from"])
        if opens:
            used.append(single.span("from"))
    if not (dates or opens):
        return None
    name = ""
    for match in ZONE.finditer(reading.cased, start, end):
        name, confidence = zone(match)
        if match["short"] in AMBIGUOUS:
            reading.doubt("implausible", f"time zone {match[0]}: several places call theirs so", *match.span())
            ambiguous = True
        if name:
            sure = min(sure, confidence)
            used.append(match.span())
            break
    if not used:
        return None
    fact = WindowFact(
        dates[0] if dates else "", opens, closes, "" if ambiguous else name, dates[1] if len(dates) > 1 else ""
    )
    return reading.value(min(one[0] for one in used), max(one[1] for one in used), fact, sure)


def _dates(reading: Reading, start: int, end: int, used: list[tuple[int, int]]) -> list[str]:
    found: list[str] = []
    for match in _DATE.finditer(reading.low, start, end):
        one = date(match, reading.language)
        if one.wrong:
            reading.doubt("implausible", f"{reading.said(*match.span())}: there is no such day", *match.span())
        elif one.readings:
            why = "day and month can be exchanged"
            conflict = Conflict("window date", one.readings, "none", why)
            if conflict not in reading.conflicts:
                reading.conflicts.append(conflict)
        else:
            if one.value not in found:
                found.append(one.value)
            used.append(match.span())
    return found[:2] if found == sorted(found) else []


def _settled(reading: Reading, found: list[Value[WindowFact]]) -> Value[WindowFact] | None:
    """Windows that add to each other are one; those that say different things are a conflict."""
    if not found:
        return None
    merged = found[0]
    for one in found[1:]:
        together = _together(merged.value, one.value)
        if together is None:
            shows = tuple(dict.fromkeys(_show(each.value) for each in found))
            reading.conflicts.append(Conflict("window", shows, "none", "nobody can tell which one is meant"))
            return None
        merged = Value(
            together, min(merged.start, one.start), max(merged.end, one.end), min(merged.confidence, one.confidence)
        )
    return merged


def _together(first: WindowFact, second: WindowFact) -> WindowFact | None:
    names = ("date", "opens", "closes", "zone", "closes_date")
    if any(
        getattr(first, name) and getattr(second, name) and getattr(first, name) != getattr(second, name)
        for name in names
    ):
        return None
    return WindowFact(*(getattr(first, name) or getattr(second, name) for name in names))


def _show(window: WindowFact) -> str:
    times = "-".join(one for one in (window.opens, window.closes) if one)
    return " ".join(one for one in (window.date, times, window.zone) if one)
