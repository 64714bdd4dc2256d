"""One line on what is brought out: labelled, or the clause that speaks of the fix."""

from __future__ import annotations

import re

from pilotage.core.brief.facts import Value
from pilotage.core.brief.text import FLAGS, Text

_KEY = re.compile(
    r"\b(?:hot-?\s?fix\w*|bug-?\s?fix\w*|patch|fix|fehlerbehebung|fehlerkorrektur|korrektur|correcci[oó]n|"
    r"parche|arreglo|"
    r"upgrade|feature release|new feature|release)\b",
    FLAGS,
)
_CLAUSE_END = re.compile(r"[.!?](?=\s|$)|[\n;:]|,(?=\s)|\s[-–—]\s|\s\(|$")
_CLAUSE_START = re.compile(r"[.!?](?=\s)|[\n;:]|,(?=\s)|\s[-–—]\s|\)\s|^#+\s")
_LEAD = re.compile(
    r"^(?:\s*(?:please|kindly|we (?:need|want|have) to|we need|i need|i want|can you|could you|urgent\w*|"
    r"help|create|make|write|draft|prepare|needs?|generate|"
    r"give me|an?|the|our|deployment|rollout|release|roll[- ]?out|plan|plans|for|to|of|deploy\w*|ship\w*|"
    r"bring out|roll out|push|"
    r"bitte|wir (?:müssen|brauchen)|ich brauche|erstelle?n?|schreibe?|einen?|ein|den|die|das|der|dem|"
    r"deploymentplan|deployment-plan|"
    r"bereitstellungsplan|ausrollplan|einsatzplan|rolloutplan|für|dringend\w*|"
    r"por favor|necesitamos|necesito|crea\w*|haz|escrib\w*|un|una|el|la|los|despliegue|plan de|para|del|de|"
    r"desplegar|urgente)\b[ \t]*)+",
    FLAGS,
)
_AFTER = re.compile(r"\s+(?:for|of|in|to|on|für|im|in|des|der|am|de|del|para|en)\s[^.!?\n;:,(]{2,80}", FLAGS)
_PREPOSITION_END = re.compile(
    r"\s+(?:(?:in)?to (?:prod\w*|staging)|from|von|desde|with|mit|con|behind|hinter|in prod\w*|version|"
    r"versión|v?\d[\d.]*)\b.*$",
    FLAGS | re.DOTALL,
)
_TROUBLE = re.compile(
    r"\b(?:broken|down|failing|fails?|crash\w*|kaputt|ausgefallen|scheiter\w*|schlägt fehl|stürzt ab|"
    r"fallan?|ca[ií]d[oa]s?)\b",
    FLAGS,
)
LONGEST = 150


def summary(text: Text) -> tuple[Value[str] | None, tuple[int, int]]:
    """The summary, and its place in the matched text."""
    for label in text.labelled("summary"):
        start, end = label.start, min(label.end, label.start + LONGEST)
        return text.at(start, end, _flat(text.matched[start:end])), (start, end)
    for match in _KEY.finditer(text.matched):
        start, end = _clause(text.matched, match)
        said = _flat(text.matched[start:end])
        if len(said) >= 3 and not _KEY.fullmatch(said):
            sure = 1.0 if re.match(r"hot|bug", match[0], FLAGS) else 0.7
            return text.at(start, end, said, sure), (start, end)
    return None, (0, 0)


def trouble(text: Text) -> Value[str] | None:
    """Where nothing speaks of a fix: the clause that says what is broken. To be checked."""
    match = _TROUBLE.search(text.matched)
    if match is None:
        return None
    start, end = _clause(text.matched, match)
    stop = _CLAUSE_END.search(text.matched, match.end())
    end = min(stop.start() if stop else end, start + LONGEST)
    said = _flat(text.matched[start:end])
    return text.at(start, end, said, 0.5) if len(said.split()) > 1 else None


def _clause(text: str, match: re.Match[str]) -> tuple[int, int]:
    floor = max(0, match.start() - LONGEST)
    start = floor
    for stop in _CLAUSE_START.finditer(text, floor, match.start()):
        start = stop.end()
    lead = _LEAD.match(text[start : match.start()])
    if lead is not None:
        start += lead.end()
    end = match.end()
    after = _AFTER.match(text, end, min(len(text), end + 90))
    if after is not None:
        tail = _PREPOSITION_END.sub("", after[0])
        if len(tail.split()) > 1:
            end += len(tail)
    return start, end


def _flat(text: str) -> str:
    return " ".join(text.split()).strip(" .,;:*_`\"'")
