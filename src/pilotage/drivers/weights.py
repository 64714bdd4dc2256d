"""The canary's weight: percent in the ports, whole parts of a total in what splitters count in."""

from __future__ import annotations

from pilotage.core.errors import PermanentError

TOTAL = 10_000


def check_weight(weight: float) -> None:
    """Raises PermanentError for what is no percent."""
    if not 0 <= weight <= 100:
        raise PermanentError(f"expected a weight from 0 to 100, got {weight:g}")


def to_parts(weight: float, total: int = TOTAL) -> int:
    """The nearest number of parts. Raises as `check_weight`."""
    check_weight(weight)
    return round(weight / 100 * total)


def to_percent(parts: int, total: int = TOTAL) -> float:
    return parts / total * 100
