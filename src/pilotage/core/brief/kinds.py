"""What kind of change it is: stateful, major, a feature rather than a fix; and how long the old version stays warm."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.numbers import DURATION, duration
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.settle import settle
from pilotage.core.brief.severity import DENIED

_STATE = Pattern(
    r"\b(?P<yes>stateful(?:set)?|zustandsbehaftet\w{0,2}|con estado|mit zustand|keeps state|holds state)\b"
    r"|\b(?P<no>stateless|zustandslos\w{0,2}|sin estado|ohne zustand|not stateful|no stateful)\b"
)
_MAJOR = Pattern(
    r"\b(?P<no>(?:no|not a|kein(?:e)?|sin|ningun) (?:major|breaking|big|large|gros\w{0,2}|cambios? (?:mayor(?:es)?"
    r"|importantes?|grandes?))(?: changes?| anderung\w*)?"
    r"|(?:minor|small|tiny|one-line) (?:change|fix|release|update)|klein\w{0,2} anderung\w*"
    r"|cambios? (?:menor(?:es)?|pequen[oa]s?))\b"
    r"|\b(?P<yes>(?:major|breaking|big|large|huge) (?:changes?|release|version|upgrade|update|rewrite|refactoring"
    r"|bump)|rewrit(?:e|ten)|new architecture"
    r"|re-?architect\w*|(?:framework|spring|java|django|rails|runtime|platform) upgrade|upgrade of the framework"
    r"|gros\w{0,2} (?:anderung\w*|umbau)"
    r"|neu geschrieben\w{0,2}|neuentwicklung|neue architektur|framework-?upgrade|cambios? (?:mayor(?:es)?"
    r"|importantes?|grandes?)|gran cambio"
    r"|reescritura|nueva arquitectura|actualizacion (?:mayor|del framework))\b"
)
_RUNS = (
    r"(?:the )?(?:running|current|old|deployed|live|present|laufende|aktuelle|alte|version|actual|vieja|en ejecucion)"
)
_WELL = Pattern(
    r"\b(?:feature release|feature-release|new feature(?! ?-?(?:flag|toggle))|not an? hot-?fix|no hot-?fix"
    r"|regular release|planned release|routine release"
    rf"|{_RUNS} version (?:is|works|runs) (?:healthy|fine|ok|good|well|stable)|{_RUNS} (?:release|version) (?:ist"
    rf"|lauft) (?:gesund|in ordnung|ok|stabil|gut)"
    r"|kein hot-?fix|neue funktion\w{0,2}|neues feature|funktionsrelease|regulares release"
    r"|nueva funcionalidad|nueva funcion|no es un hot-?fix|version (?:actual|en ejecucion|anterior) (?:esta |es "
    r"|funciona )(?:sana|bien|estable|saludable|correctamente))\b"
)
_SICK = Pattern(
    rf"\b{_RUNS} version (?:is|was) (?:sick|broken|bad|faulty|unhealthy|failing)|{_RUNS} version ist (?:kaputt"
    rf"|krank|fehlerhaft|defekt)"
    r"|version (?:actual|en ejecucion) (?:esta |es )(?:rota|mala|defectuosa|enferma)"
)
_HOTFIX = Pattern(r"\bhot-? ?fix(?:es)?\b(?! ?branch)")
_OLD = (
    r"(?:blue|blau|azul|(?:the )?(?:old|previous|former|running) (?:version|one|environment|stack|servers?|release)"
    r"|(?:die )?alte (?:version|umgebung)"
    r"|(?:la )?(?:version )?(?:antigua|anterior|vieja)(?: version)?|standby)"
)
_KEEP = Pattern(
    rf"\b(?:keep|keeping|leave|hold|halte|halten|lass\w*|mantener|mantenga|manten|dejar"
    rf"|conservar)\b[^.\n]{{0,20}}?\b{_OLD}\b[^.\n]{{0,30}}?"
    rf"(?P<time>{DURATION})"
    rf"|\b{_OLD}\b[^.\n]{{0,25}}?(?P<time2>{DURATION})[^.\n]{{0,12}}?\b(?:warm|bereit|caliente|bereithalten"
    rf"|warmhalten|activa|vorhalten)"
    rf"|\b(?:warm standby|standby)(?: (?:of|for|von|de|durante))? ?[:=]? ?(?P<time3>{DURATION})"
)


def stateful(reading: Reading) -> Value[bool] | None:
    return _either(reading, _STATE, "stateful", "state makes it slower to go back")


def major(reading: Reading) -> Value[bool] | None:
    return _either(reading, _MAJOR, "major", "a major change is guarded harder")


def _either(reading: Reading, pattern: Pattern, name: str, why: str) -> Value[bool] | None:
    found = []
    for match in pattern.finditer(reading.low):
        if reading.in_label(match.start(), "service", "flag", "severity"):
            continue
        yes = match["yes"] is not None
        start = match.start()
        if yes and (denied := DENIED.search(reading.low, max(0, start - 25), start)):
            yes, start = False, denied.start()
        found.append(reading.value(start, match.end(), yes, 0.9))
    return settle(reading, name, found, int, why, lambda one: name if one else f"not {name}")


def known_bad(reading: Reading) -> Value[bool] | None:
    """False only when the running version is said to be well; a hot-fix said beside it is a conflict."""
    well = [reading.value(*match.span(), False, 0.9) for match in _WELL.finditer(reading.low)]
    sick = [reading.value(*match.span(), True, 0.9) for match in _SICK.finditer(reading.low)]
    for match in _HOTFIX.finditer(reading.low):
        if well and not sick and not DENIED.search(reading.low, max(0, match.start() - 25), match.start()):
            sick.append(reading.value(*match.span(), True, 0.7))
    show = {True: "a fix of a sick version", False: "the running version is healthy"}
    return settle(
        reading, "known_bad", well + sick, int, "a sick version proves nothing by comparison", show.__getitem__
    )


def standby(reading: Reading) -> Value[float] | None:
    found = []
    for match in _KEEP.finditer(reading.low):
        name = next(one for one in ("time", "time2", "time3") if match[one])
        if seconds := duration(match[name], reading.dots_are_thousands):
            found.append(reading.value(*match.span(), seconds, 0.9))
    return settle(reading, "standby", found, lambda one: one, "the longer way back", lambda one: f"{one:g} s")
