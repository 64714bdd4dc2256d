"""When it may start: dates, times and zones, as far as they are said. Relative days give no date: there "
"is no clock here."""

from __future__ import annotations

import re
from datetime import date, timedelta

from pilotage.core.brief.facts import Suspicion, Value, WindowFact
from pilotage.core.brief.text import FLAGS, Text

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "januar", "enero", "jan", "ene"),
            ("february", "februar", "febrero", "feb"),
            ("march", "märz", "marzo", "mar", "mrz"),
            ("april", "abril", "apr", "abr"),
            ("may", "mai", "mayo"),
            ("june", "juni", "junio", "jun"),
            ("july", "juli", "julio", "jul"),
            ("august", "agosto", "aug", "ago"),
            ("september", "septiembre", "sep", "sept"),
            ("october", "oktober", "octubre", "oct", "okt"),
            ("november", "noviembre", "nov"),
            ("december", "dezember", "diciembre", "dec", "dez", "dic"),
        ),
        start=1,
    )
    for name in names
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(r"(?<![\d-])(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?![\d-])"),
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?![\d])"),
    re.compile(r"(?<![\d/])(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})(?![\d/])"),
    re.compile(
        rf"(?<!\d)(?P<d>\d{{1,2}})\.?(?:st|nd|rd|th)?\s+(?:de\s+)?(?P<month>{_MONTH})\.?,?\s+(?:de\s+|"
        rf"del\s+)?(?P<y>\d{{4}})",
        FLAGS,
    ),
    re.compile(rf"\b(?P<month>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})", FLAGS),
)
_CLOCK = r"(\d{1,2})(?:[:.h](\d\d))?\s?(am|pm|a\.m\.|p\.m\.|uhr|h|hrs)?"
_TO = r"\s*(?:-|–|—|to|until|till|bis|a las|a|hasta|and|und|y las|y)\s*(?:las\s+|el\s+)?"
_RANGE = re.compile(
    rf"(?<![\d.:/-]){_CLOCK}{_TO}(?P<next>(?:\d{{4}}-\d\d-\d\d|"
    rf"\d{{1,2}}\.\d{{1,2}}\.\d{{4}})\s+)?{_CLOCK}(?![\d:%/-])",
    FLAGS,
)
_AT = re.compile(
    r"\b(?:at|from|after|um|ab|a las|desde las)\s+(\d{1,2})(?::(\d\d))?\s?(am|pm|uhr|h)?(?![\d:%.]|"
    r"\s?(?:min|%))",
    FLAGS,
)
_IANA = re.compile(
    r"\b(?:Europe|America|Asia|Africa|Australia|Pacific|Atlantic|Indian|Etc)/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?\b"
)
_ZONES = {
    "UTC": ("UTC", 1.0),
    "GMT": ("UTC", 0.9),
    "CET": ("Europe/Berlin", 0.6),
    "CEST": ("Europe/Berlin", 0.6),
    "MEZ": ("Europe/Berlin", 0.7),
    "MESZ": ("Europe/Berlin", 0.7),
    "BST": ("Europe/London", 0.6),
    "EST": ("America/New_York", 0.6),
    "EDT": ("America/New_York", 0.6),
    "PST": ("America/Los_Angeles", 0.6),
    "PDT": ("America/Los_Angeles", 0.6),
}
_ABBREVIATION = re.compile(r"\b(" + "|".join([*_ZONES, "CST", "IST"]) + r")\b")
_CONTEXT = re.compile(
    r"\b(?:window|maintenance|scheduled?|between|wartungs\w*|zeitfenster|fenster|zwischen|geplant|ventana|"
    r"entre|programad[oa])\b",
    FLAGS,
)
_LENGTH = 200


def windows(text: Text) -> tuple[Value[WindowFact] | None, list[Suspicion], tuple[str, ...]]:
    """The window, what is odd about it, and the readings of a date that has two."""
    for start, end, sure in _places(text):
        found = _read(text, start, end, sure)
        if found is not None:
            return found
    return None, [], ()


def _places(text: Text) -> list[tuple[int, int, bool]]:
    """Behind a label, else around a word that speaks of windows."""
    places = [(one.start, one.end, True) for one in text.labelled("window")]
    for match in _CONTEXT.finditer(text.matched):
        end = text.matched.find("\n", match.end())
        places.append((match.start(), min(len(text.matched) if end < 0 else end, match.start() + _LENGTH), False))
    return places


def _read(
    text: Text, start: int, end: int, sure: bool
) -> tuple[Value[WindowFact] | None, list[Suspicion], tuple[str, ...]] | None:
    dates = _dates(text.matched, start, end, day_first=text.language in ("de", "es"))
    hidden = list(text.matched[start:end])
    for first, last, _, _ in dates:
        hidden[first - start : last - start] = "\x00" * (last - first)
    clear = "".join(hidden)
    span = _RANGE.search(re.sub("\x00+", lambda one: " " * len(one[0]), clear))
    opens, closes = ("", "") if span is None else (_time(span, 1), _time(span, 5))
    if span is not None and not (_is_clock(span, 1) or _is_clock(span, 5)):
        opens = closes = ""
    if not opens and (match := _AT.search(clear)) and (match[2] or match[3]):
        opens = _time(match, 1)
    if not (opens or (sure and dates)):
        return None
    zone, doubts, confidence = _zone(text, start, end)
    days = [one for _, _, one, _ in dates]
    day = days[0] if days else ""
    closes_day = days[1] if len(days) > 1 else ""
    if day and opens and closes and not closes_day:
        closes_day = day if closes > opens else _after(day)
    fact = WindowFact(day, opens, closes, zone, closes_day)
    odd = dates[0][3] if dates else ()
    return text.at(start, end, fact, confidence if dates else min(confidence, 0.7)), doubts, odd


def _is_clock(match: re.Match[str], group: int) -> bool:
    """`22:00`, `10pm`, `22 Uhr` are times; a bare 10 is not."""
    return bool(match[group + 1] or match[group + 2])


def _time(match: re.Match[str], group: int) -> str:
    hour, minute = int(match[group]), int(match[group + 1] or 0)
    half = (match[group + 2] or "").lower().replace(".", "")
    if half == "pm" and hour < 12:
        hour += 12
    if half == "am" and hour == 12:
        hour = 0
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else ""


def _dates(text: str, start: int, end: int, day_first: bool) -> list[tuple[int, int, str, tuple[str, ...]]]:
    """(start, end, ISO date, both readings where there are two), in the order of the text; the second is "
    "a later one."""
    found = []
    for pattern in _DATES:
        for match in pattern.finditer(text, start, end):
            groups = match.groupdict()
            if "a" in groups:
                both = [_iso(match["y"], match["b"], match["a"]), _iso(match["y"], match["a"], match["b"])]
                real = tuple(dict.fromkeys(one for one in both[: 1 if day_first else 2] if one))
                if real:
                    found.append((*match.span(), "" if len(real) > 1 else real[0], real if len(real) > 1 else ()))
                continue
            month = str(_MONTHS[groups["month"].lower()]) if groups.get("month") else match["m"]
            if iso := _iso(match["y"], month, match["d"]):
                found.append((*match.span(), iso, ()))
    return sorted(found)[:4]


def _iso(year: str, month: str, day: str) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""


def _after(day: str) -> str:
    try:
        return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""


def _zone(text: Text, start: int, end: int) -> tuple[str, list[Suspicion], float]:
    reach = min(len(text.matched), end + 40)
    if match := _IANA.search(text.matched, start, reach):
        return match[0], [], 1.0
    match = _ABBREVIATION.search(text.matched, start, reach)
    if match is None:
        return "", [], 1.0
    if match[1] not in _ZONES:
        a, b = text.clean.span(*match.span())
        return "", [Suspicion("implausible", f"{match[1]} is the name of several time zones; name a city's", a, b)], 1.0
    zone, confidence = _ZONES[match[1]]
    return zone, [], confidence
