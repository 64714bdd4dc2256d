"""A feature flag: wanted or not, and its name when one is said."""

from __future__ import annotations

from pilotage.core.brief.facts import Conflict, Flag, Value
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.severity import DENIED

_WORD = (
    r"(?:feature[- ]?(?:flags?|toggles?|schalter)|flags?|toggles?|banderas?(?: de (?:funcionalidad|caracteristica))?)"
)
_FLAG = Pattern(rf"(?<![\w-])(?:[a-z]{{2,20}}-)?{_WORD}(?![\w-])(?! (?:it|this|that|them|any|anything|up)\b)")
_ID = r"[A-Za-z]\w*(?:[-_.]\w+)*"
_AFTER = Pattern(
    rf"[ :=]{{0,3}}(?P<named>(?:is )?(?:named|called|namens|mit (?:dem )?namen|llamad[oa]|de nombre|key"
    rf"|name) )? {{0,2}}(?P<quote>[`\"']?)(?P<name>{_ID})"
)
_BEFORE = Pattern(rf"(?P<quote>[`\"']?)(?P<name>{_ID})[`\"']? (?:feature )?$")
_NO = Pattern(r"\W{0,4}(?:no|none|not? (?:needed|wanted)|without|nein|keine?[nrs]?|nicht|ninguna?|not|n/a|sin|off)\b")
_YES = Pattern(r"\W{0,4}(?:yes|ja|si|wanted|needed|required|true|on|erwunscht|ja bitte)\b")


def flag(reading: Reading) -> Value[Flag] | None:
    found: list[Value[Flag]] = []
    for match in _FLAG.finditer(reading.low):
        if reading.in_label(match.start(), "service", "summary", "version"):
            continue
        start, end = match.span()
        segment = reading.labels.at(start)
        labelled = segment is not None and segment.key == "flag" and segment.label <= start < segment.start
        after = segment.start if labelled and segment else end
        if labelled and (no := _NO.match(reading.low, after, after + 30)):
            found.append(reading.value(start, no.end(), Flag(False)))
        elif DENIED.search(reading.low, max(0, start - 25), start):
            found.append(reading.value(_denial(reading, start), end, Flag(False), 0.95))
        elif labelled and _YES.match(reading.low, after, after + 30):
            found.append(reading.value(start, end, Flag(True)))
        else:
            found.append(_named(reading, start, end, after, labelled))
    return _settled(reading, found)


def _denial(reading: Reading, start: int) -> int:
    match = DENIED.search(reading.low, max(0, start - 25), start)
    return match.start() if match else start


def _named(reading: Reading, start: int, end: int, after: int, labelled: bool) -> Value[Flag]:
    behind = _AFTER.match(reading.cased, after)
    if behind and (labelled or behind["named"] or behind["quote"] or _code(behind["name"])):
        return reading.value(start, behind.end("name"), Flag(True, behind["name"].rstrip(".")))
    before = _BEFORE.search(reading.cased, max(0, start - 70), start)
    if before and (before["quote"] or _code(before["name"])) and before["name"].lower() not in _FALSE:
        return reading.value(before.start("name"), end, Flag(True, before["name"]))
    return reading.value(start, end, Flag(True), 0.9)


_FALSE = {"hot-fix", "kill-switch", "roll-out", "blue-green", "feature-flag"}


def _code(name: str) -> bool:
    """Written like a key of a flag file rather than like a word."""
    return (
        name.lower() not in _FALSE
        and ("_" in name or "-" in name or any(one.isdigit() for one in name))
        and "@" not in name
    )


def _settled(reading: Reading, found: list[Value[Flag]]) -> Value[Flag] | None:
    if not found:
        return None
    wanted = {one.value.wanted for one in found}
    if len(wanted) > 1:
        reading.conflicts.append(
            Conflict("flag", ("a feature flag", "no feature flag"), "none", "nobody can tell whether there is one")
        )
        return None
    names = dict.fromkeys(one.value.name for one in found if one.value.name)
    if len(names) > 1:
        reading.conflicts.append(Conflict("flag", tuple(names), "none of the names", "the wrong flag moves nothing"))
        first = found[0]
        return Value(Flag(True), first.start, first.end, 0.5)
    return next((one for one in found if one.value.name), found[0])
