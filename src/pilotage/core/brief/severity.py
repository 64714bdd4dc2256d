"""P0, SEV-1, "critical", Schweregrad: P0 ... Of two the longer watch is taken (P2 before P1 before P0)."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.settle import settle
from pilotage.core.model import Severity

NOT = (
    r"(?:\bnot|\bno|\bnon|\bisn't|\bdon't|\bdo not|\bavoid|\bis not|\bwithout|\bno longer|\binstead of"
    r"|\brather than|\bkein|\bkeine|\bkeinen"
    r"|\bkeinem|\bnicht|\bohne"
    r"|\bstatt|\bsin|\bno es|\bno hay(?: ninguna?)?|\ben vez de|\bnever)(?: (?:a|an|any|the|un|una|eine|einen|ein"
    r"|using|use|by|behind"
    r"|hinter|mit))?[ -]{1,2}$"
)
"""What turns the next word into its opposite."""
DENIED = Pattern(NOT)
_LEVEL = Pattern(
    r"(?<![\w.-])(?:p|sev(?:erity)?[ -]?|severidad |schweregrad |gravedad |prio(?:rity|ritat"
    r"|ridad)? )([0-9])(?![\w%]|\.\d)"
)
_LABELLED = Pattern(r"\W{0,4}(?:(?:p|s|sev|level|stufe|nivel)[ -]?)?([0-9])(?![\w%]|\.\d)")
_WORDS = {
    **dict.fromkeys(
        ("critical", "kritisch", "kritische", "kritischer", "critico", "critica", "blocker", "highest", "sehr hoch"),
        Severity.P0,
    ),
    **dict.fromkeys(("high", "hoch", "alta", "alto", "major", "urgent", "dringend", "urgente"), Severity.P1),
    **dict.fromkeys(
        ("medium", "moderate", "mittel", "media", "medio", "moderado", "low", "niedrig", "baja", "bajo", "minor"),
        Severity.P2,
    ),
}
_WORD = Pattern(r"(?<![\w-])(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + r")(?![\w-])")
_CRITICAL = Pattern(
    r"(?<!non-)(?<!mission-)\b(?:critical|kritische[rsmn]?|kritisch|critic[oa])\b(?! (?:error|path|fehler|ruta|camino))"
)


def severity(reading: Reading) -> Value[Severity] | None:
    found: list[Value[Severity]] = []
    for segment in reading.labels.of("severity"):
        if match := _LABELLED.match(reading.low, segment.start, segment.end):
            _level(reading, match.start(1), match.end(1), match[1], segment.confidence, found)
        elif (word := _WORD.search(reading.low, segment.start, segment.end)) and not _LEVEL.search(
            reading.low, segment.start, segment.end
        ):
            found.append(reading.value(*word.span(), _WORDS[word[0]], 0.6 * segment.confidence + 0.06))
    for match in _LEVEL.finditer(reading.low):
        if reading.in_label(match.start(), "service", "flag", "version", "previous", "ticket"):
            continue
        if DENIED.search(reading.low, max(0, match.start() - 25), match.start()):
            continue
        sure = 1.0 if reading.in_label(match.start(), "severity") else 0.9
        _level(reading, match.start(), match.end(), match[1], sure, found)
    if not found:
        for match in _CRITICAL.finditer(reading.low):
            if not DENIED.search(reading.low, max(0, match.start() - 25), match.start()):
                found.append(reading.value(*match.span(), Severity.P0, 0.5))
    return settle(reading, "severity", found, lambda one: one.value, "the longer watch", lambda one: one.value)


def _level(reading: Reading, start: int, end: int, digit: str, sure: float, found: list[Value[Severity]]) -> None:
    while start > 0 and reading.low[start - 1].isalpha() and end - start < 10:
        start -= 1
    if digit in "012":
        value = reading.value(start, end, Severity(f"P{digit}"), sure)
        if value not in found and (value.start, value.end) not in {(one.start, one.end) for one in found}:
            found.append(value)
    elif not any(one.kind == "implausible" and f"P{digit}" in one.text for one in reading.doubts):
        reading.doubt("implausible", f"severity P{digit}: only P0, P1 and P2 are known", start, end)
