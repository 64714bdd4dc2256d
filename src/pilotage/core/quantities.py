"""Durations, percentages and rates as a plan writes them, and as a person reads them."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s?(ms|s|m|h|d)", re.ASCII)
_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s?%", re.ASCII)
_RATE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s?([kMG]?)\s?/\s?(s|min|h|day)", re.ASCII)
_SUFFIX = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}


def seconds(text: object) -> float | None:
    """``30s``, ``10m``, ``1.5h`` as seconds; None for anything else."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    return float(match[1]) * _UNITS[match[2]] if match else None


def percent(text: object) -> float | None:
    """``10%`` as 10.0; None for anything else."""
    match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    return float(match[1]) if match else None


def per_second(text: object) -> float | None:
    """``58/s``, ``3500/min`` or ``5M/day`` as a number per second; None for anything else."""
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    return float(match[1]) * _SUFFIX[match[2]] / _SECONDS[match[3]] if match else None


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


def percent_text(value: float) -> str:
    return f"{value:.10g} %"


def rate_text(per_s: float) -> str:
    """By day, with up to four digits, as a plan can write it too: ``5M/day``."""
    value = per_s * 86400
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if float(f"{value:.4g}") >= size:
            return f"{float(f'{value:.4g}') / size:.10g}{letter}/day"
    return f"{float(f'{value:.4g}'):.10f}".rstrip("0").rstrip(".") + "/day"
