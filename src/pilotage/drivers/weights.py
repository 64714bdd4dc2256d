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


def smallest_parts(weight: float) -> tuple[int, int]:
    """The canary's and control's whole numbers, of 100 where that says it exactly, else of 1,000 or 10,000.

    A person who looks sees percent, and splitters that count no further than 999 take whole percents. Raises as
    `check_weight`.
    """
    check_weight(weight)
    for total in (100, 1000, TOTAL):
        parts = to_parts(weight, total)
        if abs(to_percent(parts, total) - weight) < 1e-9:
            break
    return parts, total - parts
