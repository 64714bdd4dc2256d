"""How much is broken: "45% of checkouts failing", "die Hälfte der Bestellungen", "1 in 3 requests"."""

from __future__ import annotations

from pilotage.core.brief.facts import Impact, Value
from pilotage.core.brief.languages import SMALL_WORDS
from pilotage.core.brief.numbers import SPELT, SPELT_NUMBER, figure
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading

_BROKEN = (
    r"(?:fail(?:s|ed|ing|ures?)?|broken|errors?|down|affected|crash(?:es|ed|ing)?|timing out|time ?outs?|times? out"
    r"|lost|stuck|blocked|rejected"
    r"|unable|cannot|can't|not working|wrong|5xx|schlagen fehl|schlagt fehl|fehlschlagen|fehlgeschlagen|fehler\w*"
    r"|scheitern|scheitert"
    r"|betroffen|kaputt|gestort|brechen ab|abgebrochen|abgelehnt|ausgefallen|fallan|falla|fallos?|fallidos|fallidas"
    r"|fallando|errores"
    r"|afectad[oa]s?|rot[oa]s|caid[oa]s?|rechazad[oa]s|perdid[oa]s)"
)
_PERCENT = r"(?:%|percent\b|per cent\b|prozent\b|por ciento\b)"
_FRACTIONS = {
    **dict.fromkeys(("half", "die halfte", "halfte", "la mitad", "mitad"), 0.5),
    **dict.fromkeys(("a third", "one third", "ein drittel", "un tercio"), 1 / 3),
    **dict.fromkeys(("two thirds", "zwei drittel", "dos tercios"), 2 / 3),
    **dict.fromkeys(("a quarter", "one quarter", "ein viertel", "un cuarto", "una cuarta parte"), 0.25),
    **dict.fromkeys(("three quarters", "drei viertel", "tres cuartos", "tres cuartas partes"), 0.75),
    **dict.fromkeys(("a fifth", "one fifth", "ein funftel", "un quinto"), 0.2),
    **dict.fromkeys(("a tenth", "one tenth", "ein zehntel", "una decima parte"), 0.1),
    **dict.fromkeys(("all", "every", "alle", "samtliche", "todos los", "todas las"), 1.0),
}
_ORDINALS = {"zweite": 2, "dritte": 3, "vierte": 4, "funfte": 5, "zehnte": 10}
_SHARE = (
    rf"(?:(?<![\w.,])(?P<percent>\d{{1,6}}(?:[.,]\d{{1,4}})?) ?{_PERCENT}"
    rf"|\b(?P<part>\d{{1,4}}|{SPELT_NUMBER}) (?:in|of|out of|von|de cada) (?P<whole>\d{{1,6}}|{SPELT_NUMBER})(?= [a-z])"
    rf"|\bjede[rs]? (?P<nth>{'|'.join(_ORDINALS)})[rs]?\b|\b(?P<fraction"
    rf">{'|'.join(sorted(_FRACTIONS, key=len, reverse=True))})\b)"
)
_OF = r"(?: (?:of|der|des|von|de|del))?(?: (?:the|all|our|los|las|el|la|den|allen|aller))? {1,2}"
_WHAT = Pattern(rf"{_SHARE}{_OF}(?P<what>(?:[a-z][\w/'-]{{0,30}} {{1,2}}){{0,6}}?{_BROKEN})\b")
_AFTER = Pattern(
    rf"\b(?P<verb>affect(?:s|ing)|hits|hitting|fail(?:s|ing)?(?: for)?|broken for|down for|betrifft|trifft"
    rf"|scheitert (?:fur|bei)|afecta(?: al?)?|afectando a"
    rf"|falla (?:para|en)|(?:errors?|[45]\w\ws?|failures?|fehler|errores|fallos) (?:for|fur|bei|para|en|in)"
    rf"|impacts?|impacting)(?: (?:el|al|about|around|roughly|etwa|rund|ca|un|the|some))? {{0,2}}~?{_SHARE}"
    rf"{_OF}(?P<what>[a-z][\w/-]{{0,30}}(?: [a-z][\w/-]{{0,30}})?)"
)
_RATE = Pattern(
    rf"\b(?P<what>(?:error|failure) rate|fehlerrate|fehlerquote|tasa de (?:errores|fallos|error))"
    rf"(?: (?:of|is|at|von|bei|liegt bei|del|de|es del|es de|around|about|rises to|up to))* ?[:=]? ?{_SHARE}"
)
_BEHIND_LEVEL = Pattern(
    rf"\bp[012],? ?\((?:about |ca )?~?{_SHARE}{_OF}(?P<what>[a-z][\w/-]{{0,30}}("
    rf"?: [a-z][\w/-]{{0,30}})?)\)"
)
_NO_THING = words("for at in to then and per fur bei in dann und pro para en luego durante y por each every")
"""What follows a weight rather than a share: 20% for 15 minutes."""
_ANY_SHARE = Pattern(_SHARE)
_STEP = Pattern(r"(?:canary|traffic|verkehrs?|trafico|anteil|share of)\b")


def impact(reading: Reading) -> Value[Impact] | None:
    """The first share that something broken follows; else what the label says, without a number."""
    for pattern in (_WHAT, _AFTER, _RATE, _BEHIND_LEVEL):
        for match in pattern.finditer(reading.low):
            first, last = match.span("what")
            what = reading.said(*(_without_small(reading.low, first, last) if pattern is _AFTER else (first, last)))
            if reading.in_label(match.start(), "phases", "flag", "ticket") or _STEP.match(match["what"]):
                continue
            share = _share(match.groupdict())
            if not share or match["what"].split()[0] in _NO_THING:
                continue
            if share > 1:
                reading.doubt("implausible", f"{reading.said(*match.span())}: more than all of it", *match.span())
                continue
            start, end = match.start(), match.end()
            if pattern in (_AFTER, _BEHIND_LEVEL):
                start = next(match.start(name) for name in ("percent", "part", "nth", "fraction") if match[name])
            return reading.value(start, end, Impact(share, what), 0.8 if match["fraction"] in ("all", "alle") else 0.95)
    return _labelled(reading)


def _without_small(low: str, start: int, end: int) -> tuple[int, int]:
    """Without a last word such as "since" or "in"."""
    last = low.rfind(" ", start, end)
    return (start, last) if last > start and low[last + 1 : end] in SMALL_WORDS else (start, end)


def _labelled(reading: Reading) -> Value[Impact] | None:
    for segment in reading.labels.of("impact"):
        start, end = segment.start, min(segment.end, segment.start + 160)
        match = _ANY_SHARE.search(reading.low, start, end)
        fraction = _share(match.groupdict()) if match else None
        if match and fraction is not None and fraction > 1:
            reading.doubt("implausible", f"{reading.said(*match.span())}: more than all of it", *match.span())
            continue
        what = reading.said(match.end() if match and match.start() - start < 4 else start, end)
        what = what.removeprefix("of ").removeprefix("der ").removeprefix("de ")
        if what:
            return reading.value(start, end, Impact(fraction, what), segment.confidence)
    return None


def _share(groups: dict[str, str | None]) -> float | None:
    if percent := groups["percent"]:
        return figure(percent, False)[0] / 100
    if nth := groups["nth"]:
        return 1 / _ORDINALS[nth]
    if fraction := groups["fraction"]:
        return _FRACTIONS[fraction]
    part, whole = _spelt(groups["part"]), _spelt(groups["whole"])
    return part / whole if part and whole and part < whole else None


def _spelt(number: str | None) -> float:
    return 0.0 if not number else float(number) if number.isdigit() else float(SPELT[number])
