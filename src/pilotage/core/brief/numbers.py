"""Figures as people write them: 5M, 1.2 million, 1,200, 1.200, 5 Mio., medio millón, 12 Minuten."""

from __future__ import annotations

from pilotage.core.brief.patterns import Pattern

NUMBER = r"(?:\d{1,3}(?:[.,'_ ]\d{3}){1,4}(?!\d)(?:[.,]\d{1,3}(?!\d))?|\d{1,15}(?:[.,]\d{1,9})?(?:e\+?\d{1,2})?)"
MAGNITUDE = (
    r"(?:mil millones|thousands?|million(?:s|en)?|millon(?:es)?|billion(?:s)?|milliarden?|tausend|mio|mln"
    r"|mrd|tsd|mil|bn|mm|k|m|b)(?![a-z])"
)
SPELT = {
    **dict.fromkeys(("a", "an", "one", "ein", "eine", "einer", "einem", "einen", "un", "una", "uno"), 1),
    **dict.fromkeys(("two", "zwei", "dos"), 2),
    **dict.fromkeys(("three", "drei", "tres"), 3),
    **dict.fromkeys(("four", "vier", "cuatro"), 4),
    **dict.fromkeys(("five", "funf", "fuenf", "cinco"), 5),
    **dict.fromkeys(("six", "sechs", "seis"), 6),
    **dict.fromkeys(("seven", "sieben", "siete"), 7),
    **dict.fromkeys(("eight", "acht", "ocho"), 8),
    **dict.fromkeys(("nine", "neun", "nueve"), 9),
    **dict.fromkeys(("ten", "zehn", "diez"), 10),
    **dict.fromkeys(("twelve", "zwolf", "doce"), 12),
    **dict.fromkeys(("fifteen", "quince"), 15),
    **dict.fromkeys(("twenty", "zwanzig", "veinte"), 20),
    **dict.fromkeys(("thirty", "dreissig", "dreisig", "treinta"), 30),
}
SPELT_NUMBER = "(?:" + "|".join(sorted(SPELT, key=len, reverse=True)) + ")"
HALF_MILLION = r"(?:half a million|(?:eine )?halbe million|medio millon)"
AMOUNT = (
    rf"(?:(?<![\w.,:/#$])(?<!\D-)(?P<figure>{NUMBER}) ?(?P<size>{MAGNITUDE})?\+?|(?P<half>\b{HALF_MILLION}"
    rf"|\b{SPELT_NUMBER} (?:million(?:en)?|millones|millon)\b))"
)
"""Groups figure and size, or half (all spelt)."""

_SIZES = {
    **dict.fromkeys(("k", "thousand", "thousands", "tausend", "tsd", "mil"), 1e3),
    **dict.fromkeys(("m", "mm", "mio", "mln", "million", "millions", "millionen", "millon", "millones"), 1e6),
    **dict.fromkeys(("b", "bn", "billion", "billions", "mrd", "milliarde", "milliarden", "mil millones"), 1e9),
}
UNIT_OF_TIME = (
    r"(?:seconds?|secs?|s|sekunden?|sek|segundos?|seg|minutes?|mins?|m|minuten?|minutos?|hours?|hrs?|h|stunden?|std"
    r"|horas?"
    r"|days?|d|tage?n?|dias?)(?![a-z])"
)
_SPELT_TIME = rf"(?:half an?|(?:eine )?halbe|media|\b{SPELT_NUMBER})"
_DURATION = Pattern(rf"(?:({NUMBER}) {{0,2}}-?|({_SPELT_TIME})[ -]{{1,2}})({UNIT_OF_TIME})")
DURATION = rf"(?:{NUMBER} {{0,2}}-?|{_SPELT_TIME}[ -]{{1,2}}){UNIT_OF_TIME}"


def figure(text: str, dots_are_thousands: bool, sized: bool = False) -> tuple[float, float | None]:
    """The number, and the other one it may mean when a separator can be read in two ways.

    `sized`: a magnitude follows (``1.250M``), so a single separator is a decimal one.
    """
    text = text.replace("_", "").replace("'", "").replace(" ", "")
    if "e" in text:
        return _float(text.replace(",", ".").replace("+", "")), None
    if "," in text and "." in text:
        last = max(text.rfind(","), text.rfind("."))
        whole = text[:last].replace(",", "").replace(".", "")
        return _float(f"{whole}.{text[last + 1 :]}"), None
    for sign, thousands in ((",", not dots_are_thousands), (".", dots_are_thousands)):
        groups = text.split(sign)
        if len(groups) > 2:
            return _float("".join(groups)), None
        if len(groups) == 2:
            if sized or len(groups[1]) != 3 or len(groups[0]) > 3 or groups[0].strip("0") == "":
                return _float(".".join(groups)), None
            if thousands:
                return _float("".join(groups)), None
            return _float(".".join(groups)), _float("".join(groups))
    return _float(text), None


def amount(
    number: str | None, size: str | None, half: str | None, dots_are_thousands: bool
) -> tuple[float, float | None]:
    """The groups of `AMOUNT` as a number, and its other reading."""
    if half:
        first = half.split()[0]
        return (5e5 if "half" in half or "halbe" in half or first == "medio" else SPELT.get(first, 1) * 1e6), None
    value, other = figure(number or "0", dots_are_thousands, bool(size))
    times = _SIZES[size] if size else 1.0
    return value * times, None if other is None else other * times


def duration(text: str, dots_are_thousands: bool = False) -> float | None:
    """Seconds of ``10 minutes``, ``1h``, ``half an hour``, ``eine Stunde``."""
    match = _DURATION.search(text)
    if match is None:
        return None
    if match[1]:
        number = figure(match[1], dots_are_thousands)[0]
    elif match[2].startswith(("half", "halbe", "eine halbe", "media")):
        number = 0.5
    else:
        number = float(SPELT[match[2]])
    return number * seconds(match[3])


def seconds(unit: str) -> float:
    """Seconds in a unit of time of the three languages."""
    if unit.startswith("s") and not unit.startswith(("std", "stunde")):
        return 1.0
    if unit.startswith("m"):
        return 60.0
    return 86400.0 if unit.startswith(("d", "t")) else 3600.0


def _float(text: str) -> float:
    try:
        return min(float(text), 1e300)
    except ValueError:
        return 0.0
