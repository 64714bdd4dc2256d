"""How numbers read: values in the unit of their metric, e-values from their logarithms, instants."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from pilotage.core.model import Action

MARKS = {Action.PROMOTE: "✓", Action.WATCH: "…", Action.HOLD: "!", Action.ROLLBACK: "✗"}


def unit_of(metric: str, unit: str = "") -> Callable[[float], str]:
    """How a person reads this metric's values: shares of 100, latencies in ms or s, guards in their `unit`,
    everything else as a rate."""
    first = metric.split()[0] if metric.split() else ""
    if first == "share":
        return lambda value: f"{value:.1f} %"
    if first == "logs":
        return lambda value: f"{value:,.0f}"
    if first in ("p50", "p95", "p99", "latency"):
        return latency
    if first == "guard":
        return lambda value: amount(value, unit)
    if first == "tickets":
        return lambda value: f"{value * 60:.3g} /min"
    return lambda value: f"{value:.2%}"


def amount(value: float, unit: str = "") -> str:
    """A guard's value: ``share`` as percent, ``bytes`` in MiB or so, anything else as a number with its unit."""
    if not math.isfinite(value):
        return "unknown"
    if unit == "share":
        return f"{value:.1%}"
    if unit.startswith("bytes"):
        step = min(4, max(0, int(math.log2(abs(value)) // 10))) if abs(value) >= 1 else 0
        return f"{value / 1024**step:.4g} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[step]}{unit.removeprefix('bytes')}"
    step = min(3, max(0, int(math.log10(abs(value)) // 3))) if abs(value) >= 10_000 else 0
    return f"{value / 1000**step:.3g}{('', ' k', ' M', ' G')[step]}" + (f" {unit}" if unit else "")


def latency(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def e_value(log_e: float) -> str:
    """An e-value from its logarithm; beyond a million, and below a thousandth, only the power of ten matters."""
    if math.isnan(log_e):
        return "unknown"
    power = log_e / math.log(10)
    if power == -math.inf:
        return "0"
    if not math.isfinite(power):
        return "infinite"
    if not -3 < power < 6:
        return f"10^{power:.0f}"
    return f"{10**power:.3g}" if power < 3 else f"{10**power:,.0f}"


def printable(line: str) -> str:
    """Text from outside cannot steer the terminal: what is not printable becomes a space."""
    return "".join(sign if sign.isprintable() else " " for sign in line)


def clock_time(at: float) -> str:
    """An instant (Unix seconds) in UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
