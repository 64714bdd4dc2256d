"""The canary's weight: percent in the ports, whole parts of a total in what splitters count in."""

from __future__ import annotations

import math

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


FINE = 0.1
"""Percent: by less than a step of that a share may be another one than was asked for."""


def in_steps(weight: float, step: float, who: str) -> float:
    """`weight` where it is a whole number of steps, else the nearest where they are fine; both percent.

    Raises PermanentError as `check_weight`, for what lies between two coarse steps (rounded, it would be another
    plan's), and for something that would become nothing.
    """
    check_weight(weight)
    steps = weight / step
    nearest = math.floor(steps + 0.5)
    if abs(steps - nearest) > 1e-6 and (step > FINE or nearest == 0):
        below, above = math.floor(steps) * step, math.ceil(steps) * step
        kind = "whole percents only" if step == 1 else f"steps of {step:g} % only"
        raise PermanentError(f"{who} knows {kind}, not {weight:g} %: set {below:g} or {above:g} % in the plan")
    return round(nearest * step, 6)
