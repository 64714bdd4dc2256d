"""Two whole weights that share requests: what splitters have that know no percent."""

from __future__ import annotations

from fractions import Fraction

from pilotage.core.errors import PermanentError
from pilotage.drivers.weights import check_weight


def nearest(percent: float, most: int, who: str) -> tuple[int, int]:
    """The canary's and the stable side's smallest weights, 0 to `most` each, whose share is nearest to `percent`.

    Raises PermanentError for a share other than 0 and 100 that would become one of them.
    """
    check_weight(percent)
    if percent in (0, 100):
        return (0, 1) if percent == 0 else (1, 0)
    least = 100 / (1 + most)
    if not least <= percent <= 100 - least:
        raise PermanentError(
            f"{who}'s weights go from 0 to {most}: a share can be 0, {least:.3g} to {100 - least:.4g}, or 100 %, "
            f"not {percent:g} %"
        )
    small, mirrored = (percent, False) if percent <= 50 else (100 - percent, True)
    wanted = Fraction(small) / 100
    possible = []
    for large in range(1, most + 1):
        one = min(max(1, round(large * wanted / (1 - wanted))), most)
        possible.append((round(float(abs(Fraction(one, one + large) - wanted)), 6), large, one))
    _, large, one = min(possible)
    return (large, one) if mirrored else (one, large)


def share(canary: int, stable: int) -> float:
    """Percent. Not for two zeros."""
    return float(Fraction(canary, canary + stable) * 100)
