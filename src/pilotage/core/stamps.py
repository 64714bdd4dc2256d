"""When a log entry says that it was written. Instants without a zone are taken as UTC: only distances matter here."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

WITHIN = 400
"""Bytes of an entry in which its instant is looked for."""
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_STAMP = re.compile(
    rb"(?P<iso>(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?)"
    rb"|(?P<clf>(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?: ([+-]\d{4}))?)"
    rb"|(?P<bsd>\b([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?: (\d{4})\b)?)"
    rb"|(?P<klog>^[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?)"
    rb"|(?P<unix>(?:\"(?:ts|time|timestamp|@timestamp|epoch|t|__REALTIME_TIMESTAMP)\"\s*:\s*\"?|\bts=|\btime=)"
    rb"(1\d{9})(\d{3}|\d{6}|\d{9})?(?:\.(\d+))?)"
)


def instant(entry: bytes, year: int) -> float | None:
    """Unix seconds, or None without a readable instant. `year` stands in where the format leaves it out."""
    found = _STAMP.search(entry, 0, WITHIN)
    if found is None:
        return None
    try:
        return _seconds(found, year)
    except (ValueError, OverflowError):
        return None


def _seconds(found: re.Match[bytes], year: int) -> float | None:
    kind = found.lastgroup or next(name for name, text in found.groupdict().items() if text)
    parts = _parts(found, kind)
    if kind == "iso":
        years, month, day, hour, minute, second, fraction, zone = parts
        return _unix(int(years), int(month), int(day), hour, minute, second, fraction, zone)
    if kind == "clf":
        day, name, years, hour, minute, second, fraction, zone = parts
        return _unix(int(years), _month(name), int(day), hour, minute, second, fraction, zone)
    if kind == "bsd":
        name, day, hour, minute, second, fraction, years = parts
        return _unix(int(years or year), _month(name), int(day), hour, minute, second, fraction, b"")
    if kind == "klog":
        month, day, hour, minute, second, fraction = parts
        return _unix(year, int(month), int(day), hour, minute, second, fraction, b"")
    whole, more, fraction = parts
    after = more or fraction
    return int(whole) + (int(after) / 10 ** len(after) if after else 0.0)


def _parts(found: re.Match[bytes], kind: str) -> list[bytes]:
    first = found.re.groupindex[kind]
    later = sorted(index for index in found.re.groupindex.values() if index > first)
    last = (later[0] if later else found.re.groups + 1) - 1
    return [found[index] or b"" for index in range(first + 1, last + 1)]


def _month(name: bytes) -> int:
    return _MONTHS.index(name) + 1


def _unix(
    year: int, month: int, day: int, hour: bytes, minute: bytes, second: bytes, fraction: bytes, zone: bytes
) -> float:
    offset = UTC
    if zone and zone != b"Z":
        digits = zone[1:].replace(b":", b"")
        away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        offset = timezone(-away if zone[:1] == b"-" else away)
    moment = datetime(year, month, day, int(hour), int(minute), min(int(second), 59), tzinfo=offset)
    return moment.timestamp() + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
