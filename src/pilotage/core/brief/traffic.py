"""Requests per second: number x magnitude x noun x period. Of two figures the smaller: less traffic promises less."""

from __future__ import annotations

import re

from pilotage.core.brief.facts import Conflict, Traffic, Value
from pilotage.core.brief.numbers import AMOUNT, MAGNITUDE, NUMBER, amount, seconds
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading

MOST_PER_S = 1e6
"""More than that is a slip of the pen."""
SAME = 1.05
"""Figures this close are one figure, rounded (58 rps, 5M/day)."""

_NOUN = (
    r"(?:(?:http|api|user|web) )?(?:requests?|reqs?|calls?|hits|quer(?:y|ies)|transactions?|txns?|anfragen"
    r"|aufrufen?|abfragen|zugriffen?"
    r"|transaktionen|peticion(?:es)?|solicitud(?:es)?|llamadas|consultas|transacciones)"
)
_PER = r"(?:/ ?|(?:per|a|an|each|every|pro|je|am|al|por|a la|cada|in der|in einer|in a|in one) )"
_UNIT = (
    r"(?P<unit>days?|d|tag|dia|hours?|hr|h|stunde|std|hora|minutes?|min|minuto|seconds?|sec|s|sekunde|sek"
    r"|segundo|seg|24 ?h)(?![a-z0-9])"
)
_DAILY = r"daily|hourly|a diario|taglich\w{0,2}|stundlich\w{0,2}|diari[oa]s?|al dia"
_FIGURE = Pattern(
    rf"{AMOUNT} {{0,2}}(?:de )?(?:(?P<daily>{_DAILY}) )?(?P<noun>{_NOUN})? {{0,2}}(?:{_PER}{_UNIT}"
    rf"|(?P<daily2>{_DAILY})\b)"
)
_SHORT = Pattern(rf"{AMOUNT} {{0,2}}(?P<short>rps|qps|tps|rpm|qpm|rph|rpd|req/s|reqs/s)\b")
_DAYS = Pattern(rf"{AMOUNT} {{0,2}}(?:de )?(?P<daily>{_DAILY}) (?P<noun>{_NOUN})\b")
_NAMED = Pattern(
    rf"\b(?:(?P<noun>{_NOUN}) ?{_PER}{_UNIT}|(?P<short>rps|qps|tps|rpm|qpm))(?: (?:is|are|ist|sind|son|es|of"
    rf"|about|ca))? ?[:=]? ?{AMOUNT}"
    r"(?! ?(?:rps|qps|tps|rpm|requests|%|/))"
)
_RANGE = Pattern(
    rf"(?:(?P<between>between|zwischen|entre) )?(?<![\w.,:/#$-])(?P<least>{NUMBER}) ?(?P<size>{MAGNITUDE})? ?(?:-"
    rf"|to|bis|a|(?(between)(?:and|und|y)|to)) ?$"
)
_SHORT_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PEAK = (
    r"(?:peak\w*|max|maximum|bursts?|spitze\w*|stosszeit\w*|hochstlast|pico|hora punta|horas punta|hora pico"
    r"|horas pico|maximo)"
)
_MEAN = (
    r"(?:mean|average|avg|on average|typically|normally|im mittel|mittel|durchschnitt\w*|im schnitt|media"
    r"|promedio|normalmente)"
)
_LOAD = Pattern(rf"\b(?:(?P<peak>{_PEAK})|(?P<mean>{_MEAN}))\b")
_CLAUSE = Pattern(r"[,;.()\n]")
_FAILED = Pattern(
    r" ?(?:\w{1,12} ){0,2}(?:fail|error|tim(?:e|ing) ?out|broken|lost|affected|schlagen|schlagt|scheitern|verloren"
    r"|betroffen|falla|fallida|perdid|afectad)"
)


def traffic(reading: Reading) -> Value[Traffic] | None:
    found: list[Value[Traffic]] = []
    unsure: list[tuple[Value[Traffic], float]] = []
    said = 0
    for start, match in sorted(_matches(reading)):
        if start < said:
            continue
        value = _value(reading, match, said)
        said = match.end()
        if value is None:
            continue
        taken, other = value
        if taken.value.per_s <= 0 or taken.value.per_s > MOST_PER_S:
            kind = "no traffic at all" if taken.value.per_s <= 0 else "more than a million requests per second"
            reading.doubt("implausible", f"{reading.said(*match.span())}: {kind}", *match.span())
            continue
        found.append(taken)
        if other is not None:
            unsure.append((taken, other))
    return _settled(reading, found, unsure)


def _matches(reading: Reading) -> list[tuple[int, re.Match[str]]]:
    by_start: dict[int, re.Match[str]] = {}
    for pattern in (_NAMED, _SHORT, _DAYS, _FIGURE):
        for match in pattern.finditer(reading.low):
            if match.start() not in by_start or match.end() > by_start[match.start()].end():
                by_start[match.start()] = match
    return list(by_start.items())


def _value(reading: Reading, match: re.Match[str], said: int) -> tuple[Value[Traffic], float | None] | None:
    groups = match.groupdict()
    per = _period(groups)
    number, other = amount(groups["figure"], groups["size"], groups["half"], reading.dots_are_thousands)
    if least := _RANGE.search(reading.low, max(said, match.start() - 30), match.start()):
        size = least["size"] or groups["size"]
        number, other = min(number, amount(least["least"], size, None, reading.dots_are_thousands)[0]), None
    labelled = reading.in_label(match.start(), "traffic", "environment")
    sure = 1.0 if labelled else 0.95
    if not groups.get("noun") and not groups.get("short"):
        if not (labelled or groups["size"] or groups["half"] or number >= 50 or number == 0):
            return None
        sure -= 0.15
    if reading.in_label(match.start(), "ticket", "phases", "flag", "standby", "window"):
        return None
    if _FAILED.match(reading.low, match.end(), match.end() + 50):
        return None
    traffic = Traffic(number / per, _peak(reading, match.start(), match.end(), said))
    value = reading.value(
        least.start("least") if least else match.start(), match.end(), traffic, sure if other is None else 0.5
    )
    return value, None if other is None else other / per


def _period(groups: dict[str, str | None]) -> float:
    if short := groups.get("short"):
        return 1.0 if "/" in short else _SHORT_UNITS[short[-1]]
    if unit := groups.get("unit"):
        return 86400.0 if unit.startswith("24") else seconds(unit)
    daily = groups.get("daily") or groups.get("daily2") or "daily"
    return 3600.0 if daily.startswith(("h", "s")) else 86400.0


def _peak(reading: Reading, start: int, end: int, said: int) -> bool:
    """Whether the figure is of the busiest time: what its own clause says after it, else before it."""
    clause = _CLAUSE.search(reading.low, end, min(len(reading.low), end + 30))
    after = reading.low[end : clause.start() if clause else end + 30]
    before = reading.low[max(said, start - 30) : start]
    before = before[max(before.rfind(one) for one in ",;.)\n") + 1 :]
    digit = re.search(r"\d", after)
    words = [before, "" if digit else after]
    for text in words:
        if load := _LOAD.search(text):
            return load["peak"] is not None
    return False


def _settled(
    reading: Reading, found: list[Value[Traffic]], unsure: list[tuple[Value[Traffic], float]]
) -> Value[Traffic] | None:
    """The mean when one is said; of several figures the least."""
    found = [one for one in found if not one.value.peak] or found
    if not found:
        return None
    least = min(found, key=lambda one: (one.value.per_s, -one.confidence))
    most = max(found, key=lambda one: one.value.per_s)
    if most.value.per_s > least.value.per_s * SAME:
        shows = tuple(dict.fromkeys(_show(one.value.per_s) for one in sorted(found, key=lambda one: one.start)))
        reading.conflicts.append(
            Conflict("traffic", shows, _show(least.value.per_s), "the least: it promises the least")
        )
    for value, other in unsure:
        if value is least:
            shows = (_show(value.value.per_s), _show(other))
            reading.conflicts.append(
                Conflict("traffic", shows, shows[0], "the dot or comma can be read in two ways; the least is taken")
            )
    return least


def _show(per_s: float) -> str:
    return f"{per_s:,.3g}/s" if per_s < 100 else f"{per_s:,.0f}/s"
