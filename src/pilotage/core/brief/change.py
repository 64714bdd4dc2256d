"""What kind of change it is: severity, impact, strategy, phases, flag, migration, state."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from itertools import pairwise

from pilotage.core.brief.facts import Flag, Impact, Migration, PhaseFact, Suspicion, Value
from pilotage.core.brief.text import FLAGS, Text
from pilotage.core.model import Severity, Strategy

# ------------------------------------------------------------------ severity

_P = re.compile(r"(?<![\w.-])P[ -]?([0-9])(?!\w|-\d|\.\d)", FLAGS)
_SEV = re.compile(
    r"(?<!\w)(?:sev|severity|priority|schweregrad|priorität|severidad|gravedad|"
    r"prioridad)(?:\s{0,2}[:=]\s{0,2}|[ -]{0,2})"
    r"(?:sev[ -]?|p|s)?([0-9])(?![\w.%]\w|\w|[.,]\d|\s?%)",
    FLAGS,
)
_WORDS = (
    (re.compile(r"\b(?:critical|kritisch\w*|cr[ií]tic[oa]s?|blocker|highest|höchste\w*)\b", FLAGS), Severity.P0),
    (re.compile(r"\b(?:high|major|hoch|hohe\w*|alt[oa])\b", FLAGS), Severity.P1),
    (
        re.compile(r"\b(?:medium|moderate|low|minor|mittel\w*|niedrig\w*|gering\w*|medi[oa]|baj[oa])\b", FLAGS),
        Severity.P2,
    ),
)


def severities(text: Text) -> tuple[list[Value[Severity]], list[Suspicion]]:
    """By number, else by a labelled word, else a lone "critical" with low confidence. P3 and beyond are not known."""
    found: list[Value[Severity]] = []
    doubts = []
    for pattern in (_P, _SEV):
        for match in pattern.finditer(text.matched):
            if int(match[1]) <= 2:
                found.append(text.value(match, Severity(f"P{match[1]}")))
            else:
                a, b = text.clean.span(*match.span())
                doubts.append(Suspicion("implausible", f"severity {match[0]}: P0, P1 and P2 are known", a, b))
    if found or doubts:
        return found, doubts
    for label in text.labelled("severity"):
        for pattern, severity in _WORDS:
            if said := pattern.search(text.matched, label.start, label.end):
                return [text.value(said, severity, confidence=0.7)], []
    alone = _WORDS[0][0].search(text.matched)
    return ([text.value(alone, Severity.P0, confidence=0.5)] if alone else []), []


# ------------------------------------------------------------------ impact

_BROKEN = (
    r"(?:fail\w*|broken|errors?|error\w*|down|affected|crash\w*|timing out|time\s?outs?|unavailable|"
    r"rejected|lost|stuck|"
    r"fehl\w*|scheiter\w*|kaputt|ausgefallen|ausfall\w*|betroffen\w*|abst[uü]rz\w*|abgebrochen|"
    r"fall[ao]\w*|fracas\w*|ca[ií]d\w*|rot[oa]s?|afectad\w*|erróne\w*|rechaz\w*)"
)
_OF = r"(?:\s+(?:of|der|des|von|aller|de))?(?:\s+(?:the|all|our|los|las|la|el|den|dem|die|todos los|todas las))?"
_SHARE = r"(?P<share>\d{1,3}(?:[.,]\d{1,4})?)\s?(?:%|percent|prozent|por ciento)"
_FRACTIONS = {
    "half": 0.5,
    "die hälfte": 0.5,
    "la mitad": 0.5,
    "a third": 1 / 3,
    "one third": 1 / 3,
    "ein drittel": 1 / 3,
    "un tercio": 1 / 3,
    "a quarter": 0.25,
    "ein viertel": 0.25,
    "un cuarto": 0.25,
    "two thirds": 2 / 3,
    "zwei drittel": 2 / 3,
    "dos tercios": 2 / 3,
    "all": 1.0,
}
_PART = r"(?P<part>" + "|".join(sorted(_FRACTIONS, key=len, reverse=True)) + r")"
_ONE_IN = r"(?:1|one|ein\w?|un[ao]?|cada)\s+(?:in|out of|von|de cada|de)\s+(?P<nth>\d{1,4})"
_NTH = (
    r"(?:every|jede[rs]?|cada)\s+(?P<ordinal>second|third|fourth|zweite|dritte|vierte|segund[oa]|"
    r"tercer[oa]?|cuart[oa])"
)
_ORDINALS = {"s": 2, "z": 2, "t": 3, "d": 3, "f": 4, "v": 4, "c": 4}
_WHAT = r"\s+(?P<what>[^\W\d_][\w /-]{1,50}?)"
_SAID = tuple(
    re.compile(
        rf"{share}{_OF}{_WHAT}\s+(?:are\s+|is\s+|sind\s+|ist\s+|están\s+|está\s+)?(?P<broken>{_BROKEN})\b", FLAGS
    )
    for share in (_SHARE, rf"(?<!of )\b{_PART}", rf"\b{_ONE_IN}", rf"\b{_NTH}")
)
_TURNED = re.compile(
    rf"\b(?P<broken>{_BROKEN})\s+(?:for|in|on|at|bei|für|en|para|un|el)\s+(?:{_SHARE}|{_PART})(?:{_OF}{_WHAT}(?=[.,;)\n]|$))?",
    FLAGS,
)


def impacts(text: Text) -> tuple[list[Value[Impact]], list[Suspicion]]:
    found: list[Value[Impact]] = []
    doubts = []
    for pattern in (*_SAID, _TURNED):
        for match in pattern.finditer(text.matched):
            share = _share(match)
            if share > 1:
                a, b = text.clean.span(*match.span())
                doubts.append(Suspicion("implausible", f"an impact of {share:.0%}", a, b))
                continue
            words = (match["what"] or "", match["broken"]) if "what" in match.groupdict() else ("", match["broken"])
            found.append(text.value(match, Impact(share, " ".join(" ".join(words).split()))))
    if not found and not doubts:
        for label in text.labelled("impact"):
            what = " ".join(text.matched[label.start : label.end].split())[:200]
            return [text.at(label.start, label.end, Impact(None, what), 0.8)], []
    return found, doubts


def _share(match: re.Match[str]) -> float:
    groups = match.groupdict()
    if groups.get("share"):
        return float(match["share"].replace(",", ".")) / 100
    if groups.get("part"):
        return _FRACTIONS[" ".join(match["part"].lower().split())]
    if groups.get("nth"):
        return 1 / max(1, int(match["nth"]))
    return 1 / _ORDINALS[match["ordinal"][0].lower()]


# ------------------------------------------------------------------ strategy, phases, flag

_STRATEGIES = (
    (re.compile(r"\b(?:canary|canaries|canario|kanarien\w*|canary[- ]?\w*)\b", FLAGS), Strategy.CANARY),
    (
        re.compile(r"\b(?:blue[\s/-]{0,3}green|blau[\s/-]{0,3}gr[uü]n|azul[\s/-]{0,3}verde)\b", FLAGS),
        Strategy.BLUE_GREEN,
    ),
    (
        re.compile(
            r"\b(?:rolling|rollierend\w*|server (?:by|für) server|one (?:server|node) after the other|"
            r"servidor (?:por|a) servidor)\b",
            FLAGS,
        ),
        Strategy.ROLLING,
    ),
)
_LONG_WORD = re.compile(r"[a-záéíóúüöäß]{5,12}", FLAGS)
_MISSPELT = {"canary": Strategy.CANARY, "rolling": Strategy.ROLLING}


def strategies(text: Text) -> list[Value[Strategy]]:
    found = [
        text.value(match, strategy) for pattern, strategy in _STRATEGIES for match in pattern.finditer(text.matched)
    ]
    if found:
        return found
    for match in _LONG_WORD.finditer(text.matched):
        word = match[0].lower()
        for known, strategy in _MISSPELT.items():
            if word[0] == known[0] and difflib.SequenceMatcher(None, word, known).ratio() >= 0.83:
                return [text.value(match, strategy, confidence=0.6)]
    return []


_UNITS = r"h|hrs?|hours?|stunden?|horas?|m|min\w*|s|sec\w*|sek\w*|seg\w*|d|days?|tage?n?|d[ií]as?"
_TIME = rf"(\d{{1,4}}(?:[.,]\d)?)\s?({_UNITS})\b\.?"
_STEP = rf"(\d{{1,3}}(?:[.,]\d{{1,2}})?)\s?%(?:[^%\n.;→>]{{0,25}}?(?:for|für|durante|over|por|,|\(|:)?\s?{_TIME}\)?)?"
_NEXT = r"[ \t]*(?:->|=>|→|>|/|,|;|then|and then|and|dann|danach|und|luego|después|y)[ \t]*"
_CHAIN = re.compile(rf"{_STEP}(?:(?:{_NEXT}){{1,2}}(?:to |auf |a |al )?{_STEP}){{1,8}}", FLAGS)
_ONE = re.compile(_STEP, FLAGS)
_SHORT = re.compile(r"(?<![\d./-])(\d{1,2}(?:\s?/\s?\d{1,3}){1,6})(?![\d./-])\s?%?")
_UNIT_S = {"h": 3600.0, "st": 3600.0, "m": 60.0, "s": 1.0, "d": 86400.0, "t": 86400.0}


def phase_lists(text: Text) -> tuple[list[Value[tuple[PhaseFact, ...]]], list[Suspicion]]:
    found: list[Value[tuple[PhaseFact, ...]]] = []
    doubts = []
    for start, end, steps in _chains(text.matched):
        weights = [one.weight for one in steps]
        ascending = all(low < high for low, high in pairwise(weights))
        if ascending and weights[0] > 0 and weights[-1] <= 100:
            found.append(text.at(start, end, steps))
        else:
            a, b = text.clean.span(start, end)
            said = ", ".join(f"{one:g} %" for one in weights)
            doubts.append(Suspicion("implausible", f"phases {said}: they do not rise to at most 100 %", a, b))
    return found, doubts


def _chains(text: str) -> Iterator[tuple[int, int, tuple[PhaseFact, ...]]]:
    for match in _CHAIN.finditer(text):
        steps = []
        for one in _ONE.finditer(match[0]):
            watch = float(one[2].replace(",", ".")) * _unit_s(one[3]) if one[2] else None
            steps.append(PhaseFact(float(one[1].replace(",", ".")), watch or None))
        if len(steps) > 1:
            yield match.start(), match.end(), tuple(steps)
    for match in _SHORT.finditer(text):
        weights = [float(one) for one in match[1].split("/")]
        percent = match[0].rstrip().endswith("%")
        if (percent or weights[-1] == 100) and (len(weights) > 2 or weights[-1] == 100):
            yield match.start(), match.end(), tuple(PhaseFact(one) for one in weights)


def _unit_s(word: str) -> float:
    """By how it begins, in any of the three languages."""
    word = word.lower()
    return _UNIT_S.get(word[:2]) or _UNIT_S[word[0]]


_NO_FLAG = re.compile(
    r"\b(?:no|without|ohne|keine?n?|sin)\s+(?:an?\s+|eine?n?\s+|una?\s+)?(?:feature[\s-]?(?:flags?|"
    r"toggles?|schalter)|flags?|bandera)\b",
    FLAGS,
)
_FLAG = re.compile(
    r"\b(?:feature[\s-]?(?:flags?|toggles?|schalter)|bandera de funci[oó]n|behind (?:a|the) flag)\b", FLAGS
)
_FLAG_NAME = re.compile(
    r"\b(?:flags?|toggles?|schalter|bandera)\s*(?:named|called|namens|llamad[oa])?\s*[:=]?\s*[`\"'“]?"
    r"([A-Za-z][A-Za-z0-9]{0,40}(?:[._-][A-Za-z0-9]{1,40}){1,8}|(?<=[`\"'“])[A-Za-z][\w.-]{1,60})",
    FLAGS,
)


def flags(text: Text) -> list[Value[Flag]]:
    if match := _NO_FLAG.search(text.matched):
        return [text.value(match, Flag(False))]
    for match in _FLAG_NAME.finditer(text.matched):
        return [text.value(match, Flag(True, match[1]), 0)]
    for label in text.labelled("flag"):
        word = text.matched[label.start : label.end].split()[0].strip("`\"'“”,")
        if re.fullmatch(r"[A-Za-z][\w.-]{1,60}", word) and word.lower() not in ("yes", "ja", "sí", "true", "on"):
            return [text.at(label.start, label.end, Flag(True, word))]
    return [text.value(match, Flag(True))] if (match := _FLAG.search(text.matched)) else []


# ------------------------------------------------------------------ migration, state, size, health

_NO_MIGRATION = re.compile(
    r"\b(?:no|without(?: any)?|ohne|keine?|sin)\s+(?:database\s+|db\s+|schema\s+|datenbank-?\s?|"
    r")(?:migrations?|migrationen|migraci[oó]n(?:es)?|schema changes?)\b"
    r"|\bmigrations?\s*[:=]\s*(?:none|no|nein|keine|ninguna)\b",
    FLAGS,
)
_MIGRATION = re.compile(
    r"\b(?:\w*migrations?|\w*migrationen|migraci[oó]n(?:es)?|schema changes?|schemaänderung\w*|alter table|"
    r"database changes?|"
    r"datenbankänderung\w*|cambios? de esquema|drops? (?:a |the )?(?:\w+ )?(?:column|table)|löscht (?:die |"
    r"eine )?spalte|elimina (?:la |una )?columna)\b",
    FLAGS,
)
_FOR_GOOD = re.compile(
    r"\b(?:irreversib\w*|(?:can(?:not|'t| not)) be (?:undone|reverted|rolled back|reversed)|not reversible|"
    r"non-reversible|one-way|"
    r"drops? (?:a |the )?(?:\w+ )?(?:column|table)|nicht (?:umkehrbar|rückgängig\w*)|unumkehrbar|löscht "
    r"(?:die |eine )?spalte|"
    r"no (?:es )?reversible|no se puede (?:deshacer|revertir)|elimina (?:la |una )?columna)",
    FLAGS,
)
_UNDONE = re.compile(
    r"\b(?:reversible|backwards?[- ]compatible|can be (?:undone|reverted|rolled back|reversed)|umkehrbar|"
    r"rückgängig gemacht werden|"
    r"rückwärtskompatibel|se puede (?:deshacer|revertir))\b",
    FLAGS,
)
_STATELESS = re.compile(r"\b(?:stateless|zustandslos\w*|sin estado)\b", FLAGS)
_STATEFUL = re.compile(r"\b(?:stateful|keeps? (?:its )?state|zustandsbehaftet\w*|con estado)\b", FLAGS)
_MAJOR = re.compile(
    r"\b(?:major (?:change|upgrade|release|version|refactor\w*)|rewrite|rewritten|große änderung|"
    r"neuentwicklung|neu geschrieben|"
    r"gran cambio|cambio mayor|reescritura|reescrito)\b",
    FLAGS,
)
_HEALTHY = re.compile(
    r"\b(?:(?:running|current|present|old) (?:version|release) is (?:healthy|fine|ok|good|stable)|"
    r"(?:laufende|aktuelle) version ist (?:gesund|in ordnung|stabil|fehlerfrei)|"
    r"(?:la )?versión (?:actual|en marcha) (?:está|es) (?:sana|bien|correcta|estable))\b",
    FLAGS,
)
_FEATURE = re.compile(
    r"\b(?:feature release|new feature|neues feature|neue funktion|nueva funci(?:ón|onalidad))\b", FLAGS
)
_FIX = re.compile(
    r"\b(?:hot-?\s?fix\w*|bug-?\s?fix\w*|fix(?:es)?|patch|fehlerbehebung|correcci[oó]n|parche|sick|broken)\b", FLAGS
)
_WARM = re.compile(
    rf"\b(?:keep|halte\w*|mantén|mantener|mantenga)\b[^.\n;]{{0,60}}?(?:for|für|durante)?\s{_TIME}"
    rf"|\b(?:standby|stand-by|bereithalten|warm)\b[^.\n;\d]{{0,30}}{_TIME}",
    FLAGS,
)


def migrations(text: Text) -> list[Value[Migration]]:
    if _NO_MIGRATION.search(text.matched):
        return []
    match = _MIGRATION.search(text.matched)
    if match is None:
        return []
    start = max(text.matched.rfind("\n", 0, match.start()) + 1, match.start() - 200)
    around = text.matched[start : match.end() + 200]
    reversible = False if _FOR_GOOD.search(around) else True if _UNDONE.search(around) else None
    return [text.value(match, Migration(reversible))]


def first(text: Text, pattern: re.Pattern[str], confidence: float = 1.0) -> Value[bool] | None:
    match = pattern.search(text.matched)
    return text.value(match, True, confidence=confidence) if match else None


def stateful(text: Text) -> Value[bool] | None:
    if match := _STATELESS.search(text.matched):
        return text.value(match, False)
    return first(text, _STATEFUL)


def major(text: Text) -> Value[bool] | None:
    return first(text, _MAJOR)


def known_bad(text: Text) -> Value[bool] | None:
    """False only where it is said; a new feature that is called a fix, too, counts as a fix."""
    if match := _HEALTHY.search(text.matched):
        return text.value(match, False)
    if (match := _FEATURE.search(text.matched)) and not _FIX.search(text.matched):
        return text.value(match, False, confidence=0.7)
    return None


def standby_s(text: Text) -> Value[float] | None:
    match = _WARM.search(text.matched)
    if match is None:
        return None
    number, unit = (match[1], match[2]) if match[1] else (match[3], match[4])
    seconds = float(number.replace(",", ".")) * _unit_s(unit)
    return text.value(match, seconds) if seconds > 0 else None
