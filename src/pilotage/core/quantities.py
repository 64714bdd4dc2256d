"""What plans write for amounts: durations, percentages, ratios, rates, sizes - as patterns and as numbers."""

from __future__ import annotations

import re

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
DURATION = rf"({_NUMBER})\s?(ms|s|m|h|d)"
PERCENT = rf"({_NUMBER})\s?%"
TIMES = rf"({_NUMBER})\s?x"
RATE = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s?([kMG]?)\s?/\s?(s|min|h|day)"
SIZE = rf"({_NUMBER})\s?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB|%)"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SUFFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_PER = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}
_SIZES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "%": 0.01}
_SIZES |= {unit: 1024.0**power for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), start=1)}


def _match(pattern: str, value: object) -> re.Match[str] | None:
    return re.fullmatch(pattern, value, re.ASCII) if isinstance(value, str) else None


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def seconds(value: object) -> float | None:
    """``10m`` is 600.0; a bare 0 is 0.0. None: no duration."""
    if is_number(value) and value == 0:
        return 0.0
    match = _match(DURATION, value)
    return float(match[1]) * _UNITS[match[2]] if match else None


def percent(value: object) -> float | None:
    """``10%`` is 10.0."""
    match = _match(PERCENT, value)
    return float(match[1]) if match else None


def ratio(value: object) -> float | None:
    """A factor over the baseline: ``10%`` (more) is 1.10, ``2x`` is 2.0."""
    if (more := percent(value)) is not None:
        return 1 + more / 100
    match = _match(TIMES, value)
    return float(match[1]) if match else None


def per_second(value: object) -> float | None:
    """``60/min`` is 1.0."""
    match = _match(RATE, value)
    return float(match[1]) * _SUFFIX[match[2]] / _PER[match[3]] if match else None


def amount(value: object) -> float | None:
    """A bare number, a percentage of 1 (``90%`` is 0.9), or a size in bytes (``1KiB`` is 1024.0)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _match(SIZE, value)
    return float(match[1]) * _SIZES[match[2]] if match else None


def written(duration_s: float) -> str:
    """A duration as a plan writes it: ``600`` is ``10m``."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if duration_s >= size and duration_s % size == 0:
            return f"{duration_s / size:.0f}{unit}"
    return f"{duration_s:.10g}s"


def duration(duration_s: float) -> str:
    """For a sentence: ``90`` is ``1 min 30 s``; whole units only."""
    whole = round(duration_s)
    days, rest = divmod(whole, 86400) if whole >= 2 * 86400 else (0, whole)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "days"), (hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def span(duration_s: float) -> str:
    """Short times keep a digit: ``2.5 s``."""
    return f"{round(duration_s, 1):g} s" if duration_s < 10 else duration(duration_s)


def percent_text(value: float) -> str:
    return f"{value:.10g} %"


def rate_text(per_s: float) -> str:
    """By day, with up to four digits, as a plan can write it too: ``5M/day``."""
    value = per_s * 86400
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if float(f"{value:.4g}") >= size:
            return f"{float(f'{value:.4g}') / size:.10g}{letter}/day"
    return f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".") + "/day"
