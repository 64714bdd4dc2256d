"""The version to bring out and the one to go back to. Where the text says two of one kind, none is taken."""

from __future__ import annotations

import re

from pilotage.core.brief.facts import Value
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.settle import settle

_UNIT = (
    r"(?! ?(?:%|uhr\b|h\b|am\b|pm\b|ms\b|s\b|m\b|k\b|x\b|million|millon|mio\b|mrd\b|thousand|tausend|tsd\b|mil\b"
    r"|percent|prozent|por ciento|requests?\b|reqs?\b"
    r"|anfragen|(?:de )?(?:peticiones|solicitudes|llamadas|consultas)|rps\b|qps\b|[gm]i?b\b|min\b|minut|sec"
    r"|hours?\b|eur\b|usd\b|€|\$))"
)
NUMBERED = r"v?\d{1,8}(?:\.\d{1,6}){1,3}(?:[-+][0-9a-z][\w.+-]{0,40}(?<![.+-]))?"
VERSION = rf"(?<![\w.:/,$#@+-]){NUMBERED}(?![\w/]|\.\d|-\w){_UNIT}"
_HASH = r"(?=[a-f]{0,39}\d)(?=\d{0,39}[a-f])[0-9a-f]{7,40}(?![\w.])"
_ANY = rf"(?:{VERSION}|{_HASH})"
_PAIR = Pattern(
    rf"(?P<old>{_ANY}|(?<![\w.:/,$#-])v?\d{{1,6}}(?=[ ]?(?:->|→)[ ]?v\d)) {{0,2}}(?:->|→|=>"
    rf"|-->) {{0,2}}(?:(?:version|release) )?(?P<new>{NUMBERED}(?!\w)|{_HASH})"
    rf"|\b(?:from|von|desde|de|de la|desde la|between)(?: version| release| la version| der version)? (?P<old2>{_ANY})"
    rf" (?:in production |in produktion |en produccion )?(?:to|auf|nach|a|a la|hacia|zu)(?: version| release"
    rf"| la version| die version)? (?P<new2>{_ANY})"
    rf"|\b(?:to|auf|a)(?: version| la version)? (?P<new3>{_ANY}),? (?:from|von|desde)(?: version"
    rf"| la version)? (?P<old3>{_ANY})"
    rf"|(?P<old4>{VERSION}) (?:to|auf|wird zu|a) (?P<new4>{VERSION})"
    rf"|(?P<new5>{VERSION}),? (?:replaces|instead of|ersetzt|statt|reemplaza(?: a)?|sustituye(?: a)?|en vez de)"
    rf"(?: (?:version|die|la))? (?P<old5>{VERSION})"
)
_FILLERS = (
    r"(?: ?[:=(]| (?:version|release|one|is|are|on|in|production|prod|runs?|running|tag|build|the|with|at|image"
    r"|still|now|currently|to|commit|was|back"
    r"|ist|lauft|produktion|auf|mit|die|noch|zu|es|la|a|en|produccion|con|el|que|corre)){0,5} {1,3}"
)
_PREVIOUS = Pattern(
    r"\b(?:previous(?:ly)?|prior|old|current(?:ly)?|running|runs?|(?:are|is|'re|still|now|currently) (?:on|at)"
    r"|after|(?<=\()now|prev"
    r"|deployed|existing|(?:last |known )?good|stable"
    r"|roll(?:s|ing)? ?back|rollback|go(?:es)? back"
    r"|going back|return|revert(?:s|ing)?|fall(?:s|ing)? ?back|fallback|replac(?:es|ing)|supersedes|instead of|from"
    r"|live(?! on)"
    r"|vorher|bisher|vorige\w?|vorherige\w?|bisherige\w?|alte|aktuelle?|laufende|lauft|derzeit|momentan|zuruck"
    r"|ersetzt|statt"
    r"|vorgangerversion|zuletzt|noch"
    r"|antes|anterior|actual|actualmente|corre|ejecuta|en ejecucion|previa|volver|vuelta|reemplaza|sustituye|en vez de"
    r"|vieja|antigua)"
    rf"{_FILLERS}(?P<version>{_ANY})"
)
_NEW = Pattern(
    r"\b(?:version|release|hot-? ?fix|fix|fixed in|fix is in|patched in|corrected in|deploy(?:ing)?|ship(?:ping)?"
    r"|roll(?:ing)? out|releas(?:e|ing)|upgrade|update|bump(?:ed)?"
    r"|new|neue|nueva|go|move|need|wants?|needs?|tag(?:ged)?|build|image|patch|bring out|behoben|korrigiert|ausrollen"
    r"|rollen wir|desplegar"
    r"|lanzar|publicar|corregido|correccion|despliegue|ausrollung)"
    rf"{_FILLERS}(?P<version>{_ANY})"
)
_RUNNING = Pattern(
    rf"(?P<version>{_ANY})(?:,? (?:which|that))?(?: ?\(| is| ist| esta)? ?(?:still |currently |now |derzeit "
    rf"|aktuell |ahora )?"
    r"(?:running|deployed|live|in use|in production (?:now|today)|lauft|en ejecucion|is the current|is running"
    r"|as of now)\b"
)
_COMMIT = Pattern(rf"\b(?:commit|sha|revision|rev)(?: (?:hash|id|sha|is))? ?[:=]? ?(?P<version>{_HASH})")
IMAGE = Pattern(
    r"(?<![\w:/.-])(?P<path>(?:[a-z0-9][\w.-]{0,60}/){0,4})(?P<name>[a-z][a-z0-9_-]{1,62})[:@](?P<version>v?\d{1,6}"
    r"(?:\.\d{1,6}){1,3}[\w.-]{0,40}(?<![.-]))(?!\w)"
)
_BARE = Pattern(rf"{VERSION}")
_LOOSE = Pattern(r"(?<![\w.])(?=[a-z._+-]{0,40}\d)[a-z0-9][\w.+-]{0,62}(?<![.+-])")
_NO_VERSION = Pattern(
    r"\d{1,2}\.\d{1,2}\.(?:19|20)\d\d$|(?:\d{1,3}\.){3}\d{1,3}$|\d{4}-\d\d-\d\d|\d{1,2}:\d\d|p[0-4]$|\d{1,3}[km]$"
)
_SINCE = Pattern(
    r"\b(?:since(?: [\w']{1,20}){0,3}|introduced (?:in|with|by)|broken (?:in|since|with)|started with|bug in"
    r"|came with|seit"
    r"|eingefuhrt (?:in|mit)|desde|introducido en|affects?|affected|until)"
    r"(?: (?:version|release|la|the|der))*[ (]{1,3}$"
)
_EXACT = Pattern(r"(?:commit|sha|build|revision|artifact)\b")
"""Labels of what a version consists of: they do not contradict the version's own number."""
_WORD_BEFORE = Pattern(
    r"(?<![\w.-])(?P<word>[a-z0-9]{1,30}(?:\.[a-z0-9]{1,20})?)[ /-]?(?:(?:from|version|von|de) ){0,2}$"
)
LIBRARIES = words(
    "java jdk jre python node nodejs npm go golang rust ruby php perl kotlin scala spring boot springboot django "
    "rails react angular vue tls ssl http https "
    "postgres postgresql mysql mariadb mongodb redis kafka rabbitmq elasticsearch kubernetes k8s helm docker envoy "
    "istio nginx log4j openssl linux ubuntu debian "
    "windows ios android gradle maven hibernate jackson grpc protobuf api schema section chapter library lib driver "
    "chart tomcat oracle net dotnet openjdk "
    "bibliothek treiber libreria biblioteca"
)


class Versions:
    """Both facts at once, because a version that is one of them is not the other one."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.new: list[Value[str]] = []
        self.old: list[Value[str]] = []
        self._taken: list[tuple[int, int]] = []
        self._pairs()
        self._labelled("previous", self.old)
        self._labelled("version", self.new)
        for match in IMAGE.finditer(reading.low):
            self._add(self.new, *match.span("version"), 0.9, keep=True)
        self._anchored(_RUNNING, self.old, 0.85)
        self._anchored(_PREVIOUS, self.old, 0.85)
        self._anchored(_COMMIT, self.new, 0.6)
        self._anchored(_NEW, self.new, 0.9)
        self._bare()

    def settled(self) -> tuple[Value[str] | None, Value[str] | None]:
        """Version and previous."""
        why = "a wrong version is worse than a question"
        new = settle(self.reading, "version", _alike(self.new), None, why)
        old = settle(self.reading, "previous", _alike(self.old), None, why)
        if new and old and _bare_v(new.value) == _bare_v(old.value):
            self.reading.doubt("implausible", f"version and previous are both {new.value}")
            return None, None
        return new, old

    def _pairs(self) -> None:
        for match in _PAIR.finditer(self.reading.low):
            for old, new in (("old", "new"), ("old2", "new2"), ("old3", "new3"), ("old4", "new4"), ("old5", "new5")):
                if match[old] and _possible(match[old], True) and _possible(match[new], True):
                    if self.reading.in_label(match.start(old), "window", "phases", "ticket"):
                        continue
                    if self._of_library(match.start()) or self._of_library(match.start(old)):
                        self._taken += [match.span(old), match.span(new)]
                        continue
                    self._add(self.old, *match.span(old), 1.0)
                    self._add(self.new, *match.span(new), 1.0)

    def _labelled(self, key: str, found: list[Value[str]]) -> None:
        for segment in self.reading.labels.of(key):
            end = min(segment.end, segment.start + 100)
            match = _LOOSE.search(self.reading.low, segment.start, end)
            if (
                match
                and match.start() - segment.start <= 30
                and _possible(match[0], True)
                and not self._is_taken(match.start())
            ):
                # An image's name may stand before its tag.
                start, stop = match.span()
                if image := IMAGE.search(self.reading.low, segment.start, end):
                    start, stop = image.span("version")
                exact = _EXACT.match(self.reading.low, segment.label, segment.start)
                self._add(found, start, stop, 0.64 if exact else segment.confidence, keep=bool(image))

    def _anchored(self, pattern: Pattern, found: list[Value[str]], sure: float) -> None:
        for match in pattern.finditer(self.reading.low):
            start, end = match.span("version")
            old = found
            if pattern is _COMMIT and re.search(
                r"\b(?:previous|old|current|running|vorige|alte|antes|anterior|actual) {1,2}$",
                self.reading.low[max(0, match.start() - 12) : match.start()],
            ):
                old = self.old
            if not self._is_taken(start) and _possible(match["version"], False) and not self._of_another(start):
                self._add(old, start, end, sure)

    def _bare(self) -> None:
        for match in _BARE.finditer(self.reading.low):
            full = match[0].startswith("v") or match[0].count(".") >= 2
            if (
                full
                and not self._is_taken(match.start())
                and _possible(match[0], False)
                and not self._of_another(match.start())
            ):
                self._add(self.new, *match.span(), 0.7)

    def _of_another(self, start: int) -> bool:
        """A library's version, or the one the bug came with: neither of both facts."""
        if self._of_library(start) or _SINCE.search(self.reading.low, max(0, start - 70), start):
            return True
        return self.reading.in_label(start, "ticket", "window", "traffic", "phases", "on-call", "note")

    def _of_library(self, start: int) -> bool:
        word = _WORD_BEFORE.search(self.reading.low, max(0, start - 40), start)
        return word is not None and word["word"] in LIBRARIES

    def _add(self, found: list[Value[str]], start: int, end: int, sure: float, keep: bool = False) -> None:
        while end - start > 1 and self.reading.low[end - 1] in ".+-":
            end -= 1
        if not keep and self.reading.low[start] == "v" and self.reading.low[start + 1 : start + 2].isdigit():
            start += 1
        self._taken.append((start, end))
        found.append(self.reading.value(start, end, self.reading.plain[start:end], sure))

    def _is_taken(self, place: int) -> bool:
        return any(start - 1 <= place < end for start, end in self._taken)


def _possible(text: str, anchored: bool) -> bool:
    """Not a date, a time, an address, a severity; four numbers are a version only where one is announced."""
    match = _NO_VERSION.match(text)
    return match is None or (anchored and text.count(".") == 3)


def _bare_v(version: str) -> str:
    return version[1:] if version[:1] in "vV" and version[1:2].isdigit() else version


def _alike(found: list[Value[str]]) -> list[Value[str]]:
    """v2.4.1 and 2.4.1 are one version: the first way of writing it stays."""
    first: dict[str, str] = {}
    out = []
    for one in found:
        value = first.setdefault(_bare_v(one.value), one.value)
        if value == one.value:
            out.append(one)
    return out
