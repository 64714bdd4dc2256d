"""Where it is deployed: the environment (of two, production) and the regions."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.near import nearest
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.settle import settle
from pilotage.core.brief.severity import DENIED

_NAMES = {
    "production": words(
        "production prod produktion produktiv produktivumgebung produktivsystem produccion productivo live prd"
    ),
    "staging": words("staging stage stg preprod pre-prod preproduction pre-production preproduccion vorproduktion"),
    "test": words("test testing testumgebung pruebas"),
    "qa": words("qa"),
    "development": words("development dev entwicklung desarrollo"),
    "uat": words("uat"),
}
_NAMED = {word: name for name, known in _NAMES.items() for word in known}
_LONG = tuple(word for word in _NAMED if len(word) >= 6 and word not in ("testing", "pruebas"))
_BARE = Pattern(
    r"(?<![\w.-])(production|prod|produktion|produktiv(?:umgebung|system)?|produccion|staging|preprod"
    r"|pre-prod(?:uction)?|preproduccion)"
    r"(?![\w-]|\.\w|-like)"
)
_ANCHORED = Pattern(
    r"\b(?:to|in|into|on|at|nach|auf|im|ins|zur|en|a|para)(?: (?:the|our|der|die|das|el|la))? "
    r"(prod|production|produktion|produccion|live|stage|staging|test|testing|qa|uat|dev|development|testumgebung"
    r"|pruebas|desarrollo)"
    r"(?: (?:environment|umgebung|entorno|system|cluster))?(?![\w-]|\.\w)(?! (?:window|suite|run|case|data))"
)
_TRIED = Pattern(
    r"\b(?:tested|verified|reproduced|works?|passed|validated|green|checked|rehearsed|tried|already|getestet"
    r"|gepruft|lauft|probado|verificado|validado|probada"
    r"|after|tras|despues de)(?: \w{1,12}){0,2} (?:on|in|to|auf|en|the|a)?(?: (?:the|der|el))? ?$"
)
_TRIED_AFTER = Pattern(r" (?:\w{1,12} ){0,1}(?:getestet|gepruft|probado|probada|verificado|tested|verified)\b")
_WORD = Pattern(r"[a-z0-9][\w-]{0,62}")
_TOKEN = Pattern(r"\b[a-z][a-z-]{5,15}\b")
_DIRECTION = "(?:north|south|east|west|central|northeast|northwest|southeast|southwest)"
_CLOUD = Pattern(
    rf"(?<![\w-])(?:(?:eu|us|ap|sa|ca|me|af|il|mx|cn|us-gov|europe|asia|northamerica|southamerica|australia"
    rf"|africa)-{_DIRECTION}-?\d{{1,2}}[a-z]?"
    r"|(?:west|north|east|central|south|southcentral|northcentral|westcentral)(?:europe|us|asia|india)\d?"
    r"|(?:germany|uk|france|japan|australia|canada|korea|brazil|switzerland|norway|sweden|poland|spain|italy)"
    r"(?:westcentral|north|south|east|west|central|southeast)\d?)(?![\w-])"
)
_AREA = r"(?:EU|US|USA|UK|APAC|EMEA|LATAM|DACH)"
_AREAS = Pattern(
    rf"\b(?:in|for|en|fur|für|across|regions?|Regionen?|regi[oó]n(?:es)?) (?:the |der |den |la )?({_AREA})(?:(?:, ?"
    rf"| and | und | y )({_AREA}))*\b"
)
_ONE_AREA = Pattern(rf"\b{_AREA}\b")
_REGION = Pattern(r"\b(?:[Rr]egi(?:on|ón|ons)|REGION) ([A-Z][a-zà-ÿ]{2,20})\b(?! ?[:=])")
_LIST = Pattern(r"[^\s,;/&()][^,;/&()\n]{0,38}")
_AND = Pattern(r" (?:and|und|y|e) ")


def environment(reading: Reading) -> Value[str] | None:
    found: list[Value[str]] = []
    for segment in reading.labels.of("environment"):
        if word := _WORD.search(reading.low, segment.start, min(segment.end, segment.start + 80)):
            name = _NAMED.get(word[0])
            sure = segment.confidence
            if name is None and (near := nearest(word[0], _LONG)):
                name, sure = _NAMED[near], 0.66
            found.append(reading.value(*word.span(), name or word[0], sure))
            for other in _BARE.finditer(reading.low, word.end(), segment.end):
                if not _tried(reading, *other.span(1)):
                    found.append(reading.value(*other.span(1), _NAMED[other[1]], sure))
    if not found:
        found = _unlabelled(reading)
    return settle(
        reading, "environment", found, lambda one: one == "production", "production is guarded hardest", lambda one: one
    )


def _unlabelled(reading: Reading) -> list[Value[str]]:
    found: list[Value[str]] = []
    for pattern, sure in ((_ANCHORED, 0.9), (_BARE, 0.75)):
        for match in pattern.finditer(reading.low):
            if _tried(reading, *match.span(1)):
                continue
            if not reading.in_label(match.start(1), "service", "flag", "version", "previous"):
                found.append(reading.value(*match.span(1), _NAMED[match[1]], sure))
    if not found:
        for match in _TOKEN.finditer(reading.low):
            if match[0] not in _NAMED and (near := nearest(match[0], ("production", "produktion", "produccion"))):
                found.append(reading.value(*match.span(), _NAMED[near], 0.5))
    return found


def _tried(reading: Reading, start: int, end: int) -> bool:
    """It was tested there, or it is said not to go there."""
    before = max(0, start - 40), start
    tried = _TRIED.search(reading.low, *before) or _TRIED_AFTER.match(reading.low, end)
    return bool(tried or DENIED.search(reading.low, *before))


def regions(reading: Reading) -> tuple[Value[str], ...]:
    found: list[Value[str]] = []
    for segment in reading.labels.of("regions"):
        done = segment.start
        for part in [*_AND.finditer(reading.low, segment.start, segment.end), None]:
            until = part.start() if part else segment.end
            for one in _LIST.finditer(reading.plain, done, until):
                start, end = reading.trimmed(*one.span())
                if start < end:
                    found.append(reading.value(start, end, reading.said(start, end), segment.confidence))
            done = part.end() if part else until
    for match in _CLOUD.finditer(reading.low):
        found.append(reading.value(*match.span(), match[0]))
    for match in _AREAS.finditer(reading.cased):
        found += [reading.value(*one.span(), one[0], 0.8) for one in _ONE_AREA.finditer(reading.cased, *match.span())]
    for match in _REGION.finditer(reading.cased):
        found.append(reading.value(*match.span(1), match[1], 0.8))
    unique = {one.value.lower(): one for one in sorted(found, key=lambda one: -one.start)}
    return tuple(sorted(unique.values(), key=lambda one: one.start))
