"""How much traffic: number x magnitude x noun x period, or rps and its kin."""

from __future__ import annotations

import re

from pilotage.core.brief.facts import Suspicion, Traffic, Value
from pilotage.core.brief.numbers import MAGNITUDE, NUMBER, readings, scale
from pilotage.core.brief.text import FLAGS, Text

MOST_PER_S = 1e6
_NOUN = (
    r"(?:http\s+|api\s+)?(?:requests?|reqs?|hits|calls|queries|transactions?|orders|checkouts|payments|"
    r"anfragen?|aufrufe?|zugriffe?|bestellungen|transaktionen|peticiones|petición|solicitudes|llamadas|"
    r"transacciones|pedidos)"
)
_PERIODS = {
    "day": r"days?|d|tage?|d[ií]as?",
    "hour": r"hours?|hrs?|h|stunden?|std|horas?",
    "minute": r"minutes?|mins?|m|minuten?|minutos?",
    "second": r"seconds?|secs?|s|sekunden?|sek|segundos?|seg",
}
_SECONDS = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}
_PER = r"(?:\s?/\s?|\s+(?:per|pro|por|al|a la|je|an?|each|every|am|in der|die)\s+)"
_PERIOD = "|".join(rf"(?P<{name}>(?:{words})\b)" for name, words in _PERIODS.items())
_ADVERBS = r"(?P<daily>daily|täglich\w*|diari[oa]s?|al día)|(?P<hourly>hourly|stündlich\w*)"
_RATE = re.compile(
    rf"(?<![\w.,:/-])(?P<number>{NUMBER})\s?(?P<magnitude>{MAGNITUDE})?\s*(?:(?:de\s+)?(?P<noun>{_NOUN}))?"
    rf"(?:{_PER}(?:{_PERIOD})|\s+(?:{_ADVERBS})\b(?:\s*(?P<noun2>{_NOUN}))?)",
    FLAGS,
)
_DIRECT = re.compile(
    rf"(?<![\w.,:/-])(?P<number>{NUMBER})\s?(?P<magnitude>k|m)?\s?(?P<unit>rps|qps|tps|rpm|req/s|reqs/s)\b", FLAGS
)
_HALF = re.compile(
    rf"\b(?:half a million|eine halbe million|medio "
    rf"mill[oó]n)\s*(?:de\s+)?(?P<noun>{_NOUN})?{_PER}(?:{_PERIOD})",
    FLAGS,
)
_PEAK = re.compile(
    r"\b(?:peak\w*|max(?:imum|imal|\.)?|at most|busiest|spitze\w*|höchstens|stoßzeit\w*|punta|pico|m[aá]xim[oa])\b",
    FLAGS,
)
_MEAN = re.compile(
    r"\b(?:average|avg\.?|mean|typical\w*|usual\w*|im (?:schnitt|mittel|durchschnitt)|durchschnittlich|"
    r"promedio|medi[oa]|normal\w*)\b",
    FLAGS,
)


def traffics(text: Text) -> tuple[list[Value[Traffic]], list[tuple[str, ...]], list[Suspicion]]:
    """Every figure; the readings of those that can be read in two ways; figures that no service has."""
    found: list[Value[Traffic]] = []
    ambiguous: list[tuple[str, ...]] = []
    doubts: list[Suspicion] = []
    for match, per_s_of in _figures(text):
        numbers = _numbers(match, text.language)
        rates = [number * per_s_of for number in numbers]
        if len(set(rates)) > 1:
            ambiguous.append(tuple(f"{number:,.10g}" for number in numbers))
        rate = min(rates)
        a, b = text.clean.span(*match.span())
        if rate <= 0 or rate > MOST_PER_S:
            what = "no requests at all" if rate <= 0 else f"{rate:,.0f} requests a second, more than any service gets"
            doubts.append(Suspicion("implausible", f'"{" ".join(match[0].split())}" is {what}', a, b))
            continue
        found.append(
            text.value(match, Traffic(rate, _is_peak(text.matched, match)), confidence=0.6 if len(rates) > 1 else 1.0)
        )
    return found, ambiguous, doubts


def _figures(text: Text) -> list[tuple[re.Match[str], float]]:
    """(match, factor to requests a second). A bare number needs a magnitude, a noun, or a label before it."""
    labelled = [(one.start, one.end) for one in text.labelled("traffic")]
    figures = []
    for match in _RATE.finditer(text.matched):
        groups = match.groupdict()
        named = groups["noun"] or groups["noun2"]
        inside = any(start <= match.start() < end for start, end in labelled)
        if not (named or inside or (groups["magnitude"] and len(groups["magnitude"]) <= 9)):
            continue
        if groups["daily"]:
            per = 86400.0
        elif groups["hourly"]:
            per = 3600.0
        else:
            per = next(_SECONDS[name] for name in _PERIODS if groups[name])
        figures.append((match, 1 / per))
    figures += [
        (match, 1 / 60.0 if match["unit"].lower() == "rpm" else 1.0) for match in _DIRECT.finditer(text.matched)
    ]
    for match in _HALF.finditer(text.matched):
        groups = match.groupdict()
        figures.append((match, 1 / next(_SECONDS[name] for name in _PERIODS if groups[name])))
    return sorted(figures, key=lambda one: one[0].start())


def _numbers(match: re.Match[str], language: str) -> tuple[float, ...]:
    groups = match.groupdict()
    if "number" not in groups:
        return (500_000.0,)
    size = scale(groups["magnitude"])
    return tuple(one * size for one in readings(match["number"], language, size > 1))


def _is_peak(text: str, match: re.Match[str]) -> bool:
    """A word for the peak in the same clause, nearer than one for the mean."""
    before = max(text.rfind(sign, 0, match.start()) for sign in ".;\n,(") + 1
    after = min((place for sign in ";\n,.(" if (place := text.find(sign, match.end())) >= 0), default=len(text))
    start, end = max(before, match.start() - 40), min(after, match.end() + 40)
    around = f"{text[start : match.start()]} {text[match.end() : end]}"
    return bool(_PEAK.search(around)) and not _MEAN.search(around)
