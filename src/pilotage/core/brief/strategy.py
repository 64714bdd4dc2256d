"""Canary, blue-green or rolling. Of two, the one with the smallest first step."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.near import nearest
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.settle import settle
from pilotage.core.brief.severity import DENIED
from pilotage.core.model import Strategy

_CANARY = r"(?P<canary>canary|canaries|kanarien\w*|canari[oa]s?)"
_BLUE = (
    r"(?P<blue>blue ?[-/] ?green|blue green|bluegreen|blau ?[-/] ?grun\w*|blau grun|azul ?[-/] ?verde"
    r"|azul y verde|blue and green|blue to green)"
)
_ROLLING = (
    r"(?P<rolling>rolling(?! ?back)|rollierend\w{0,2}|server by server|node by node|one (?:server|node|instance"
    r"|pod) (?:at a time|after)"
    r"|server fur server|knoten fur knoten|servidor por servidor|nodo a nodo|rodante|escalonad[oa])"
)
_SLOWLY = r"(?P<gradual>gradual(?:ly)?|graduell\w{0,2}|schrittweise\w{0,2}|progresiv[oa]|gradualmente|paulatin[oa])"
_NAMED = Pattern(rf"(?<![\w-])(?:{_CANARY}|{_BLUE}|{_ROLLING}|{_SLOWLY})(?!\w)(?!-\d)")
_NOT_AFTER = Pattern(
    r" (?:deployments? |updates? )?(?:(?:is|are|ist|geht|es|does|did|will|was) )?(?:not|nicht|no|impossible"
    r"|unmoglich|imposible)\b"
)
_TOKEN = Pattern(r"(?<![\w-])[a-z][a-z-]{5,13}(?![\w-])")
_KNOWN = {
    "canary": Strategy.CANARY,
    "kanarien": Strategy.CANARY,
    "canario": Strategy.CANARY,
    "blue-green": Strategy.BLUE_GREEN,
    "blau-grun": Strategy.BLUE_GREEN,
    "azul-verde": Strategy.BLUE_GREEN,
    "rolling": Strategy.ROLLING,
    "rollierend": Strategy.ROLLING,
}
_CAUTION = (Strategy.CANARY, Strategy.ROLLING, Strategy.BLUE_GREEN)
_CLOSED = (
    "service",
    "flag",
    "version",
    "previous",
    "ticket",
    "incident-channel",
    "on-call",
    "owner",
    "tester",
    "escalation",
)


def strategy(reading: Reading) -> Value[Strategy] | None:
    found: list[Value[Strategy]] = []
    for match in _NAMED.finditer(reading.low):
        if reading.in_label(match.start(), *_CLOSED):
            continue
        if DENIED.search(reading.low, max(0, match.start() - 25), match.start()):
            continue
        if _NOT_AFTER.match(reading.low, match.end()):
            continue
        labelled = reading.in_label(match.start(), "strategy")
        sure = 1.0 if labelled else 0.9
        if match["gradual"]:
            sure = 0.7 if labelled else 0.5
        found.append(reading.value(*match.span(), _named(match.groupdict()), sure))
    if not any(one.confidence >= 0.65 for one in found):
        found = _misspelt(reading) or found
    if not found:
        _unknown(reading)
    return settle(
        reading, "strategy", found, lambda one: -_CAUTION.index(one), "the smallest first step", lambda one: one.value
    )


def _named(groups: dict[str, str | None]) -> Strategy:
    return Strategy.CANARY if groups["canary"] else Strategy.BLUE_GREEN if groups["blue"] else Strategy.ROLLING


def _misspelt(reading: Reading) -> list[Value[Strategy]]:
    found = []
    for match in _TOKEN.finditer(reading.low):
        if not reading.in_label(match.start(), *_CLOSED) and (near := nearest(match[0], _KNOWN)) and near != match[0]:
            found.append(reading.value(*match.span(), _KNOWN[near], 0.6))
    return found


def _unknown(reading: Reading) -> None:
    for segment in reading.labels.of("strategy"):
        if segment.confidence == 1 and (said := reading.said(segment.start, segment.end)):
            label = reading.low[segment.label : segment.start]
            if "strateg" in label or "estrateg" in label:
                reading.doubt(
                    "implausible",
                    f"strategy {said}: canary, blue-green and rolling are known",
                    segment.start,
                    segment.end,
                )
