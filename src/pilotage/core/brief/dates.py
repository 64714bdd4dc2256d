"""Dates, times of day and time zones as people write them. Nothing is reckoned from today: the core has no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pilotage.core.brief.patterns import Pattern, words

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janner enero ene",
            "february feb februar febrero",
            "march mar marz maerz marzo",
            "april apr abril abr",
            "may mai mayo",
            "june jun juni junio",
            "july jul juli julio",
            "august aug agosto ago",
            "september sep sept septiembre setiembre",
            "october oct oktober okt octubre",
            "november nov noviembre",
            "december dec dezember dez diciembre dic",
        ),
        1,
    )
    for name in names.split()
}
MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
DATE = (
    r"(?:(?<![\d.-])(?P<iso>\d{4}-\d{1,2}-\d{1,2})(?![\d-])|(?<![\d./-])(?P<dotted>\d{1,2}\.\d{1,2}\.\d{4})(?![\d.])"
    r"|(?<![\d./-])(?P<slashed>\d{1,2}[/-]\d{1,2}[/-]\d{4})(?![\d/])"
    r"|(?<![\d./-])(?P<years>\d{4}/\d{1,2}/\d{1,2})(?![\d/])"
    rf"|(?<![\d.])(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.? {{1,3}}(?:of |de |del )?(?P<month>{MONTH}),? (?:de |del "
    rf"|of )?(?P<year>\d{{4}})(?!\d)"
    rf"|\b(?P<month2>{MONTH})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?,? {{1,2}}(?P<year2>\d{{4}})(?!\d))"
)
UNNAMED_DATE = (
    rf"(?:\d{{4}}-\d{{1,2}}-\d{{1,2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{4}}"
    rf"|\d{{1,2}} {{1,3}}(?:of |de )?{MONTH},? (?:de )?\d{{4}}|{MONTH} \d{{1,2}},? \d{{4}})"
)
"""The same without groups, for use inside a longer pattern."""
CLOCK = (
    r"(?:\d{1,2}:\d\d(?::\d\d)? ?(?:uhr|hrs|am|pm|h)?(?![a-y0-9_%])|\d{1,2}(?:\.\d\d)? ?(?:am|pm|uhr|h|hrs)\b"
    r"|\d{1,2}\.\d\d(?= ?(?:-|bis|a|to) ?\d{1,2}\.\d\d ?(?:uhr|h|hrs)\b)"
    r"|\d{4} ?(?:h|hrs|uhr)\b|midnight|mitternacht|medianoche|noon|mittags?|mediodia)"
)
"""A time of day that looks like one by itself; in a range one end may be bare (22-02, 10-11pm)."""
_CLOCK = Pattern(r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?(?:[:.]\d\d)? ?(?P<half>am|pm)?")
_MILITARY = Pattern(r"(?P<hour>\d\d)(?P<minute>\d\d) ?(?:h|hrs|uhr)")
_NAMED_TIMES = {
    "midnight": "00:00",
    "mitternacht": "00:00",
    "medianoche": "00:00",
    "noon": "12:00",
    "mittag": "12:00",
    "mittags": "12:00",
    "mediodia": "12:00",
}
_AREAS = "Europe|America|Asia|Africa|Australia|Pacific|Atlantic|Indian|Antarctica|Etc"
ZONE = Pattern(
    rf"(?:(?P<zulu>(?<=\d)Z)|(?<![\w/])(?:(?P<iana>(?:{_AREAS})/[A-Z][A-Za-z_]{{1,30}}(?:/[A-Z][A-Za-z_]{{1,30}})?)"
    rf"|(?P<offset>(?:UTC"
    rf"|GMT) ?[+-] ?\d{{1,2}}(?::?00)?)(?![\d:])"
    r"|(?P<utc>UTC|GMT|Zulu)|(?P<short>CES?T|ME[SZ]Z|ME[SZ]|ES?T|EDT|PS?T|PDT|MST|MDT|IST|CST|CDT|BST|JST"
    r"|AEST|AEDT|SGT|WES?T|EES?T)))(?![\w/])"
)
_SHORT = {
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    **dict.fromkeys(("EST", "EDT", "ET"), "America/New_York"),
    **dict.fromkeys(("PST", "PDT", "PT"), "America/Los_Angeles"),
    **dict.fromkeys(("MST", "MDT"), "America/Denver"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
    "CDT": "America/Chicago",
    "JST": "Asia/Tokyo",
    "SGT": "Asia/Singapore",
    **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
    **dict.fromkeys(("EET", "EEST"), "Europe/Helsinki"),
}
AMBIGUOUS = words("IST CST BST")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class Date:
    """``YYYY-MM-DD``, or empty; `readings` when it can be read in two ways, `wrong` when there is no such day."""

    value: str = ""
    readings: tuple[str, ...] = ()
    wrong: bool = False


def date(match: re.Match[str], language: str) -> Date:
    """A match of `DATE`. Day before month, except where English leaves both open."""
    groups = match.groupdict()
    if groups["iso"] or groups["years"]:
        year, month, day = (int(one) for one in re.split("[-/]", groups["iso"] or groups["years"]))
    elif groups["dotted"] or groups["slashed"]:
        day, month, year = (int(one) for one in re.split("[./-]", groups["dotted"] or groups["slashed"]))
        other = _iso(year, day, month)
        if groups["slashed"] and language not in ("de", "es"):
            both = tuple(one for one in (_iso(year, month, day), other) if one)
            if len(set(both)) > 1:
                return Date(readings=both)
            if both:
                return Date(both[0])
    elif groups["month"]:
        day, month, year = int(groups["day"]), _MONTHS[groups["month"]], int(groups["year"])
    else:
        day, month, year = int(groups["day2"]), _MONTHS[groups["month2"]], int(groups["year2"])
    value = _iso(year, month, day)
    return Date(value) if value else Date(wrong=True)


def clock(text: str, half: str = "") -> str:
    """``HH:MM`` of a time of day; empty when there is no such time. `half`: am or pm said elsewhere."""
    if named := _NAMED_TIMES.get(text.strip()):
        return named
    match = _MILITARY.match(text) or _CLOCK.match(text)
    if match is None:
        return ""
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = match.groupdict().get("half") or half
    if half:
        if not 1 <= hour <= 12:
            return ""
        hour = hour % 12 + (12 if half == "pm" else 0)
    if (hour, minute) == (24, 0):
        hour = 0
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else ""


def zone(match: re.Match[str]) -> tuple[str, float]:
    """IANA name and how sure; an empty name for a short one that several places use."""
    if match["iana"]:
        return match["iana"], 1.0
    if match["utc"] or match["zulu"]:
        return "UTC", 1.0
    if match["offset"]:
        sign = "-" if "+" in match["offset"] else "+"
        hours = int(re.sub(r"\D", "", match["offset"].split(":")[0])[:2])
        return ("UTC" if hours == 0 else f"Etc/GMT{sign}{hours}") if hours <= 12 else "", 0.9
    return _SHORT.get(match["short"], ""), 0.6


def _iso(year: int, month: int, day: int) -> str:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (1 <= month <= 12 and 2000 <= year <= 2199):
        return ""
    return f"{year:04d}-{month:02d}-{day:02d}" if 1 <= day <= _DAYS[month - 1] + (leap and month == 2) else ""
