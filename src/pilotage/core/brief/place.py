"""Where it goes: environment, regions, services, versions."""

from __future__ import annotations

import difflib
import re
from itertools import pairwise

from pilotage.core.brief.facts import Value
from pilotage.core.brief.text import FLAGS, Text
from pilotage.core.brief.vocabulary import words

_ENVIRONMENTS = {
    "production": r"production|prod|produktion|produktiv\w*|produktionsumgebung|producci[oó]n|live",
    "staging": r"staging|stage|pre-?prod\w*|preproducci[oó]n|vorproduktion",
    "test": r"testing|test|qa|testumgebung|pruebas",
}
_NAMED = tuple((name, re.compile(rf"(?<![\w-])(?:{said})(?![\w-])", FLAGS)) for name, said in _ENVIRONMENTS.items())
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONG_WORD = re.compile(r"[a-záéíóúüöäß]{7,14}", FLAGS)
_SPELT = {"production": "production", "produktion": "production", "producción": "production", "staging": "staging"}


def environments(text: Text) -> list[Value[str]]:
    """What a label says; else the usual names in the text, with less confidence."""
    found: list[Value[str]] = []
    for label in text.labelled("environment"):
        known = [(name, match) for name, said in _NAMED if (match := said.search(text.matched, label.start, label.end))]
        if known:
            found += [text.value(match, name) for name, match in known]
        elif match := _NAME.search(text.matched, label.start, label.end):
            misspelt = difflib.get_close_matches(match[0].lower(), _SPELT, n=1, cutoff=0.8)
            value = _SPELT[misspelt[0]] if misspelt else match[0].lower()
            found.append(text.value(match, value, confidence=0.6 if misspelt else 1.0))
    if found:
        return found
    for name, said in _NAMED:
        if name != "test":
            found += [text.value(match, name, confidence=0.8) for match in said.finditer(text.matched)]
    if not found:
        found += [
            text.value(match, "test", confidence=0.7)
            for match in re.finditer(
                r"\b(?:test|qa) environment|testumgebung|entorno de pruebas\b", text.matched, FLAGS
            )
        ]
    if not found:
        for match in _LONG_WORD.finditer(text.matched):
            word = match[0].lower()
            if word[:2] in ("pr", "st") and (close := difflib.get_close_matches(word, _SPELT, n=1, cutoff=0.85)):
                found.append(text.value(match, _SPELT[close[0]], confidence=0.6))
                break
    return found


_REGION = re.compile(
    r"(?<![\w-])(?:(?:us|eu|ap|sa|ca|me|af|il|mx)-(?:gov-)?(?:north|south|east|west|central|northeast|"
    r"southeast|northwest|southwest)-[1-9]"
    r"|(?:us|europe|asia|australia|southamerica|northamerica|me|africa)-(?:north|south|east|west|central|"
    r"northeast|southeast|southwest)[1-9]{1,2}"
    r"|(?:west|north|central|east|south)(?:europe|us[1-3]?)|germanywestcentral|uksouth|ukwest)(?![\w-])",
    FLAGS,
)
_BLOCS = re.compile(
    r"\b(?:in|im|en)\s+((?:EU|US|APAC|EMEA|UK|LATAM)(?:(?:\s*,\s*|\s+(?:and|und|y)\s+)(?:EU|US|APAC|EMEA|"
    r"UK|LATAM))*)\b"
)


def regions(text: Text) -> tuple[Value[str], ...]:
    found = [text.value(match, match[0].lower()) for match in _REGION.finditer(text.matched)]
    for match in _BLOCS.finditer(text.matched):
        for one in re.finditer(r"[A-Z]{2,5}", match[1]):
            start = match.start(1) + one.start()
            found.append(text.at(start, start + len(one[0]), one[0]))
    for label in text.labelled("region"):
        for start, end in _parts(text.matched, label.start, label.end):
            name = text.matched[start:end]
            if len(name) <= 40 and not any(one.value == name.lower() for one in found):
                found.append(text.at(start, end, name))
    return _different(found)


_BETWEEN = re.compile(r"\s*(?:[,;/&]|\b(?:and|und|y)\b)\s*", FLAGS)


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The places of a list's members, without what surrounds them."""
    cuts = [(start, start), *(match.span() for match in _BETWEEN.finditer(text, start, end)), (end, end)]
    parts = []
    for (_, first), (last, _) in pairwise(cuts):
        while first < last and text[first] in " .*`\"'":
            first += 1
        while last > first and text[last - 1] in " .*`\"'":
            last -= 1
        if last > first:
            parts.append((first, last))
    return parts


_AND = r"(?:\s*/\s*|\s*&\s*|\s*\+\s*|\s+(?:and|und|y|e)\s+)"
_ID = r"(?<![\w.-])[A-Za-z][A-Za-z0-9]{0,40}(?:[._-][A-Za-z0-9]{1,40}){0,6}(?!\w)"
_LIST = rf"({_ID}(?:{_AND}{_ID}){{0,4}})"
_SERVICES = (
    re.compile(rf"{_LIST}(?: (?:micro)?(?:services?|dienste?n?|api)|(?-i:-(?:Service|Dienst)\w?))\b", FLAGS),
    re.compile(
        r"\b(?:services?|diensten?|dienst|servicios?)(?:\s+(?:de|del|called|named|namens|llamado))?\s+"
        rf"[`\"']?{_LIST}",
        FLAGS,
    ),
)
_BEFORE_VERSION = re.compile(
    rf"({_ID})\s+v?\d{{1,4}}\.\d{{1,4}}(?:\.\d{{1,4}})?(?![\w%.]*\d?%|\s?(?:%|percent|mio|rps))", FLAGS
)
_TROUBLED = re.compile(
    rf"({_ID})\s+(?:is\s+|are\s+|ist\s+|está\s+)?(?:broken|down|failing|fails|crash\w*|kaputt|ausgefallen|"
    rf"ca[ií]d[oa]|falla)\b",
    FLAGS,
)
_SMALL = words(
    """
    fail fails failing failed crash crashes crashing needs need gets times timing returns throws broken slow falla
    fallan now prod page site app everything something users customers requests orders checkouts since today
    urgent rollout update python java node ruby go php postgres postgresql mysql redis kafka nginx debian ubuntu
    kubernetes spring django rails react openssl log4j tls http ssl linux macos windows chrome firefox port step
    phase phases version versión a an the our my this that these both all no new old for of in on to and or with
    is are has was will be your their its it by at from affected several der die das den dem des ein eine einen
    einem einer unser unsere unseren und oder mit für im am auf von vom zum zur ist sind hat wird jeder alle kein
    keine el la los las un una unos de del y o e con para por en al nuestro nuestra es son ha se todo todos ningún
    este esta service services dienst dienste servicio servicios micro web down up which who what should must can
    then hotfix hot-fix fix bug null patch critical severity environment strategy traffic canary rolling
    production staging p0 p1 p2 deploy deployment plan release create ship please running hotfixes dringend
    dringender urgente kritisch kritischer bitte erstelle einspielen parche corrección correccion
    """
)


def services(text: Text, summary: Value[str] | None, summary_span: tuple[int, int]) -> tuple[Value[str], ...]:
    """Labelled ones, else those beside the word service, else the first word of the summary that can be a name."""
    found: list[Value[str]] = []
    for label in text.labelled("service"):
        for match in re.finditer(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text.matched[label.start : label.end]):
            word = match[0].rstrip(".-_")
            between = (
                text.matched[label.start : label.start + match.start()].rsplit(found[-1].value, 1)[-1] if found else ""
            )
            if word.lower() in ("and", "und", "y", "e"):
                continue
            if found and not re.search(r"[,/&+]|\b(?:and|und|y|e)\b", between, FLAGS):
                break
            found.append(text.at(label.start + match.start(), label.start + match.start() + len(word), word))
    if found:
        return _different(found)
    for pattern in _SERVICES:
        if found:
            break
        for match in pattern.finditer(text.matched):
            for one in re.finditer(_ID, match[1]):
                word = one[0]
                if word.lower() in _SMALL or len(word) < 2:
                    continue
                start = match.start(1) + one.start()
                found.append(text.at(start, start + len(word), word.lower() if word.istitle() else word, 0.9))
    if found:
        return _different(found)
    if summary is not None:
        for match in _NAME.finditer(text.matched, *summary_span):
            word = match[0].rstrip("._-")
            if word.lower() not in _SMALL and not word.isdigit() and len(word) > 1:
                return (text.at(match.start(), match.start() + len(word), word.lower(), 0.7 * summary.confidence),)
    for pattern, confidence in ((_BEFORE_VERSION, 0.7), (_TROUBLED, 0.5)):
        for match in pattern.finditer(text.matched):
            word = match[1].rstrip("._-")
            if word.lower() not in _SMALL and len(word) > 1:
                return (text.at(match.start(1), match.start(1) + len(word), word.lower(), confidence),)
    return ()


_V = r"v?(\d+(?:\.\d+){1,4}(?:[-+][A-Za-z0-9][A-Za-z0-9.+-]{0,40})?)"
_ANY_VERSION = r"[`\"']?v?((?=[A-Za-z0-9._+-]*\d)[A-Za-z0-9][A-Za-z0-9._+-]{0,60})"
_END = (
    r"(?![\w%]|\.\d|:\d|\s?(?:%|percent|prozent|rps|qps|requests?|req\b|anfragen|peticiones|million|mio|"
    r"uhr|ms\b|min))"
)
_PAIRS = (
    re.compile(
        rf"\b(?:from|von|de|desde)\s+(?:version\s+|versión\s+)?{_V}\s+(?:to|auf|nach|zu|a|"
        rf"hasta)\s+(?:version\s+|versión\s+)?{_V}{_END}",
        FLAGS,
    ),
    re.compile(rf"(?<![\w.]){_V}\s*(?:->|=>|→|-->)\s*{_V}{_END}", FLAGS),
)
_REPLACES = re.compile(rf"(?<![\w.]){_V}\s+(?:replaces|ersetzt|sustituye a|reemplaza a?)\s+{_V}{_END}", FLAGS)
_BEFORE = re.compile(
    r"\b(?:previous(?:ly)?|rollback to|roll back to|currently(?: running| on| at)?|running(?: now)?|"
    r"present|old|now on|"
    r"vorherige?|vorversion|bisher(?:ige)?|aktuell(?:e)?|läuft(?: derzeit)?|zurück auf|"
    rf"anterior|actual(?:mente)?|volver a|corre ahora)\s*(?:version|versión|release|is|ist|es)?\s*(?:is|ist|"
    rf"es)?\s*[:=]?\s*{_V}{_END}",
    FLAGS,
)
_NEW = re.compile(rf"\b(?:version|versión|release|tag|image|build|hotfix|hot-fix)\s*[:=]?\s*{_V}{_END}", FLAGS)
_BARE = re.compile(
    rf"(?<![\w.:/@-])(?:v(\d+(?:\.\d+){{0,4}}(?:[-+][A-Za-z0-9][A-Za-z0-9.+-]{{0,40}})?)|"
    rf"(\d+\.\d+\.\d+(?:[-+][A-Za-z0-9][A-Za-z0-9.+-]{{0,40}})?)){_END}"
)
_ADDRESS = re.compile(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_DATE = re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}")


def versions(text: Text) -> tuple[list[Value[str]], list[Value[str]]]:
    """(new, previous), each every reading; two bare versions without a word between them are neither."""
    new: list[Value[str]] = []
    old: list[Value[str]] = []
    for fact, found in (("version", new), ("previous", old)):
        for label in text.labelled(fact):
            for pair in _PAIRS[1:]:
                if match := pair.search(text.matched, label.start, label.end):
                    return [text.value(match, match[2], 2)], [text.value(match, match[1], 1)]
            match = re.compile(_ANY_VERSION).search(text.matched, label.start, label.end)
            if match and not _is_other(match[1]):
                word = match[1].rstrip(".-_+")
                found.append(text.at(match.start(1), match.start(1) + len(word), word))
    for match in (one for pair in _PAIRS for one in pair.finditer(text.matched)):
        if not _is_other(match[1]) and not _is_other(match[2]):
            old.append(text.value(match, match[1], 1))
            new.append(text.value(match, match[2], 2))
    for match in _REPLACES.finditer(text.matched):
        new.append(text.value(match, match[1], 1))
        old.append(text.value(match, match[2], 2))
    old += [text.value(match, match[1], 1) for match in _BEFORE.finditer(text.matched) if not _is_other(match[1])]
    taken = {(one.start, one.end) for one in (*new, *old)}
    if not new:
        found = [text.value(match, match[1], 1) for match in _NEW.finditer(text.matched) if not _is_other(match[1])]
        new += [one for one in found if (one.start, one.end) not in taken]
    if not new:
        bare = []
        for match in _BARE.finditer(text.matched):
            group = 1 if match[1] else 2
            one = text.value(match, match[group], group, 0.8)
            if (
                not _is_other(match[group])
                and (one.start, one.end) not in taken
                and one.value not in {o.value for o in old}
            ):
                bare.append(one)
        if len({one.value for one in bare}) == 1:
            new.append(bare[0])
        elif len({one.value for one in bare}) > 1:
            new += bare
    return new, old


def _is_other(word: str) -> bool:
    """An address or a date is no version."""
    return bool(_ADDRESS.fullmatch(word) or _DATE.fullmatch(word))


def _different(found: list[Value[str]]) -> tuple[Value[str], ...]:
    seen: dict[str, Value[str]] = {}
    for one in found:
        seen.setdefault(one.value.lower(), one)
    return tuple(seen.values())
