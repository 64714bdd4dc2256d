"""Native histograms as the cumulative ``le`` points that a classic one would be.

Format: Prometheus' HTTP API, "Native histograms": a count, and each bucket that is not empty with its boundaries. Which
buckets come thus changes from read to read and from series to series; only points at the same bounds can be added
up, subtracted and compared. So every histogram is put on one grid of bounds: ten a decade, with all that classic
histograms usually have (1, 2.5, 5, 7.5, ...). Within a bucket observations are taken as even, as the judge takes them.
The schema is not in the answer, nor is it needed: exponential and custom buckets (schema -53) are read alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from pilotage.drivers import Point

_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5)
_DECADES = range(-4, 5)
GRID = tuple(chain((float(f"{step}e{decade}") for decade in _DECADES for step in _STEPS), (1e5,)))
"""From 0.1 ms, where it is of seconds, to 100 s, where it is of milliseconds."""
_WRITTEN = tuple(f"{bound:g}" for bound in GRID)


def points(labels: Mapping[str, str], histogram: Any) -> Iterator[Point]:
    """Raises ValueError, TypeError or KeyError when it is malformed.

    Observations below 0 count under every bound, those that are no number under +Inf only.
    """
    buckets = sorted(_bucket(row) for row in histogram.get("buckets") or ())
    total = float(histogram["count"])
    if not total >= 0 or any(not (count >= 0 and left <= right) for right, left, count in buckets):
        raise ValueError("a histogram with a negative count, or boundaries the wrong way round")
    below, place = 0.0, 0
    for bound, written in zip(GRID, _WRITTEN, strict=True):
        while place < len(buckets) and buckets[place][0] <= bound:
            below += buckets[place][2]
            place += 1
        part = 0.0
        for right, left, count in buckets[place:]:
            if left >= bound:
                break
            part += count * (bound - left) / (right - left) if math.isfinite(right) else 0.0
        yield Point({**labels, "le": written}, below + part)
    yield Point({**labels, "le": "+Inf"}, total)


def _bucket(row: Any) -> tuple[float, float, float]:
    """Right and left boundary, and count. What begins at minus infinity and ends above 0 begins at 0."""
    _, left, right, count = row
    low, high = float(left), float(right)
    return high, 0.0 if low == -math.inf and high > 0 else low, float(count)
