"""One line that says what is changed: labelled, what a plan is asked for, or the words before "hot-fix"."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.severity import DENIED

_FIX = (
    r"(?:hot-? ?fix(?:es)?|bug-? ?fix(?:es)?|fix|patch|fehlerbehebung|korrektur|correccion|parche|arreglo"
    r"|feature[- ]release|feature-?release|release|upgrade|rewrite"
    r"|nullpointer-?hotfix)"
)
_ARTICLE = r"(?:(?:the|an?|our|this|den|die|das|dem|der|einen?|unseren?|el|la|los|las|una?|nuestr[oa]) )?"
_PLANNED = Pattern(
    r"(?:\b(?:plan de (?:despliegue|lanzamiento)|(?:deployment|deploy|rollout|release|roll-out|bereitstellungs"
    r"|deployment-|rollout-|einfuhrungs)? ?-?plan(?! de (?:despliegue|lanzamiento))"
    r"|deployment|rollout|bereitstellung|ausrollung|despliegue)) (?:for|of|fur|fuer|para|del?|von|zum|zur"
    r"|to(?= (?:deploy|release|ship|roll|bring|update|upgrade)))"
    r"(?: (?:deploy|deploying|release|releasing|ship|shipping|roll out|rolling out|bring out|desplegar|lanzar))?"
    rf" {_ARTICLE}(?P<summary>[^\n]{{3,160}})"
)
_LEAD = Pattern(
    r"(?:(?:please|we|i|need|needs?|want|have|must|should|to|deploy|deploying|release|releasing|ship|shipping|roll"
    r"|rolling|out|bring|create|prepare|make|plan|write|urgent|urgently|emergency|now"
    r"|this|is|the|an?|our|my|it's|there|for|hi|hello|team|asap|hey|all|critical|kindly|let's|us|can|you|could"
    r"|bitte|wir|mussen|brauchen|mochten|wollen|den|die|das|der|ein|einen|eine|dringend|dringender|dringenden"
    r"|dringende|erstelle|hallo|rollen|ausrollen|unseren"
    r"|necesitamos|hay|que|por|favor|desplegar|despliega|lanzar|el|la|los|un|una|urgente|hola|publicar|nuestro"
    r"|crear|crea|queremos)(?: |,|: ?)){1,12}"
)
_CUT = Pattern(
    r"[,(~]| - | (?:with|using|via|to (?:production|prod|staging)|in (?:production|prod|staging|produktion)"
    r"|from (?=v?\d)|mit|nach|auf (?=v?\d|produktion)|con|a produccion|en produccion|de (?=v?\d)|von (?=v?\d)"
    r"|severity|sev|as (?:a|soon)|today|tonight|tomorrow|now|p[0-4]|version|ausrollen|bereitstellen|deployen"
    r"|rolling out|behind|hinter|detras|by|into|until|at|v?\d+\.\d)(?![\w-])| v?(?=\d+\.\d)"
)
_SENTENCE = Pattern(r"[^.!?;\n]+(?:[.!?;](?![ \n]|$)[^.!?;\n]*)*")
_CLAUSE = Pattern(r"[^.!?;:,()\n]+(?:[.!?;](?![ \n]|$)[^.!?;:,()\n]*)*")
_FIX_WORD = Pattern(rf"(?<![\w-])(?:[\w]{{2,30}}-)*{_FIX}(?!\w|-\d)")
_ABOUT = Pattern(r" (?:for|fur|fuer|para|of|de|del|to|that|von|gegen|against|in|im|en)(?= )")
_CHANGE = Pattern(
    r"\b(?:deploy|release|roll ?out|ship|update|upgrade|ausroll|bereitstell|deploy|despleg|desplieg|lanz|public"
    r"|fixes|fixing"
    r"|behebt|corrige|actualiz)\w*"
)
_SENTENCE_END = Pattern(r"[.!?;:](?=[ \n]|$)|\n")
_WORD = Pattern(r"[a-z0-9][\w-]*")
_EMPTY = words(
    "please thanks p0 p1 p2 hotfix hot-fix hot fix fixes bugfix plan release releases deployment rollout deploy "
    "major minor new "
    "the a an "
    "of for our this urgent upgrade update change als per with"
    " canary rolling blue-green blue green blau grun blau-grun azul verde azul-verde canario kanarien rollierend "
    "build version versions to and it is in"
    " fur das den die der ein eine neue neues neuer el la los un una de del para nueva nuevo despliegue correccion "
    "parche patch korrektur production"
)
_BROKEN = Pattern(
    r"\b(?:broken|fails?|failing|failed|down|crash(?:es|ing|ed)?|returning [45]\w\ws?|errors?|time ?outs?|times out"
    r"|timing out|leak\w*|not working|kaputt|gestort|schlagt fehl"
    r"|schlagen fehl|liefert \w+ fehler|fehler|ausgefallen|falla|fallan|caid[oa]|error|errores|rot[oa])\b"
)
_CRITERION = Pattern(
    r"\b(?:roll(?:ing)? back|rollback|watch|monitor|when|if|wenn|falls|zuruck\w*|beobacht\w*|si|cuando|volver"
    r"|vigil\w*)\b"
)
_IS = Pattern(r" (?:is|are|was|has|have|will|be|ist|sind|wird|war|es|esta|son|fue)\b")
FAR = 1_500
"""A summary stands at the beginning."""


def summary(reading: Reading) -> tuple[Value[str] | None, tuple[int, int]]:
    """The summary and where it stands in the reading."""
    for segment in reading.labels.of("summary"):
        start, end = _trim(
            reading.low,
            _led(reading.low, segment.start, segment.end, lead=False),
            min(segment.end, segment.start + 200),
        )
        if end - start >= 3:
            return _of(reading, start, end, segment.confidence)
    for match in _PLANNED.finditer(reading.low[:FAR]):
        if (found := _cut(reading, *match.span("summary"), whole=True)) and _says(reading, *found):
            return _of(reading, *found, 1.0)
    for parts, sure in ((_SENTENCE, 0.8), (_CLAUSE, 0.75)):
        for match in parts.finditer(reading.low[:FAR]):
            if (found := _cut(reading, *match.span(), whole=False)) and _says(reading, *found):
                return _of(reading, *found, sure)
    return _statement(reading)


def _statement(reading: Reading) -> tuple[Value[str] | None, tuple[int, int]]:
    """The sentence that says what is broken, else the one that says what is deployed."""
    for pattern in (_BROKEN, _CHANGE):
        for match in _SENTENCE.finditer(reading.low[:FAR]):
            start = _led(reading.low, *match.span())
            if _CRITERION.search(reading.low, *match.span()):
                continue
            if pattern.search(reading.low, *match.span()) and (found := _until(reading, start, match.end())):
                start, end = _trim(reading.low, *found)
                if (
                    " " in reading.low[start:end]
                    and _says(reading, start, end)
                    and pattern.search(reading.low, start, end)
                ):
                    return _of(reading, start, end, 0.5)
    return None, (0, 0)


def _cut(reading: Reading, start: int, end: int, whole: bool) -> tuple[int, int] | None:
    """The words up to and with the fix; what it is for, when nothing stands before it. `whole`: without a fix too."""
    start = start if whole else _led(reading.low, start, end)
    found = _until(reading, start, end)
    if found is None:
        return None
    start, end = found
    fix = _FIX_WORD.search(reading.low, start, end)
    if fix is None:
        return _trim(reading.low, start, end) if whole and len(reading.low[start:end].strip()) >= 3 else None
    if _IS.match(reading.low, fix.end(), end) or DENIED.search(reading.low, max(0, fix.start() - 25), fix.start()):
        return None
    if reading.low[start : fix.start()].strip() and not _ABOUT.match(reading.low, fix.end(), end):
        end = fix.end()
    elif not reading.low[start : fix.start()].strip() and end - fix.end() < 3:
        return None if not whole else (start, fix.end())
    start, end = _trim(reading.low, start, end)
    return (start, end) if end - start >= 3 else None


def _until(reading: Reading, start: int, end: int) -> tuple[int, int] | None:
    """Up to the sentence's end, the next label, and the words that tell how rather than what."""
    if sentence := _SENTENCE_END.search(reading.low, start, end):
        end = sentence.start()
    for segment in reading.labels.all:
        if segment.label >= start and segment.label < end:
            end = segment.label
        elif segment.label < start < segment.end and segment.key != "summary":
            return None
    if cut := _CUT.search(reading.low, start + 1, end):
        end = cut.start()
    end = min(end, start + 150)
    return (start, end) if start < end else None


def _led(low: str, start: int, end: int, lead: bool = True) -> int:
    while start < end and (low[start] in " \n-:,!" or low.startswith("[", start)):
        tag = low.find("]", start, min(end, start + 12)) if low[start] == "[" else start
        if tag < 0:
            break
        start = tag + 1
    words_before = _LEAD.match(low, start, end) if lead else None
    return words_before.end() if words_before else start


def _trim(low: str, start: int, end: int) -> tuple[int, int]:
    while start < end and low[start] in " \n.,:;-_'":
        start += 1
    while end > start and low[end - 1] in " \n.,:;-_'":
        end -= 1
    return start, end


def _says(reading: Reading, start: int, end: int) -> bool:
    """Something beside words that stand in every brief."""
    return any(word[0] not in _EMPTY for word in _WORD.finditer(reading.low, start, end))


def _of(reading: Reading, start: int, end: int, sure: float) -> tuple[Value[str], tuple[int, int]]:
    text = " ".join(reading.plain[start:end].replace("`", " ").replace('"', " ").replace("*", " ").split())
    return reading.value(start, end, text, sure), (start, end)
