"""Latency as counts per bucket: sums, quantiles, and how many were slower."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pilotage.core.model import Histogram


def add_histograms(a: Histogram | None, b: Histogram | None) -> Histogram | None:
    """The sum; different buckets cannot be added, the newer ones win."""
    if a is None or b is None or a.bounds != b.bounds:
        return b or a
    return Histogram(a.bounds, tuple([x + y for x, y in zip(a.counts, b.counts, strict=True)]))


def quantile(histogram: Histogram | None, q: float) -> float | None:
    """Linear within the bucket, as Prometheus' histogram_quantile; the last finite bound for the open bucket."""
    found = quantiles(histogram, (q,))
    return found[0] if found else None


def quantiles(histogram: Histogram | None, ascending: Sequence[float]) -> list[float]:
    """Several at once, in ascending order of q; none without requests."""
    if histogram is None:
        return []
    total = sum(histogram.counts)
    if total <= 0:
        return []
    found: list[float] = []
    ranks = [q * total for q in ascending]
    below, lower = 0.0, 0.0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        while count > 0 and below + count >= ranks[len(found)]:
            inside = (ranks[len(found)] - below) / count
            found.append(lower if math.isinf(bound) else lower + (bound - lower) * inside)
            if len(found) == len(ranks):
                return found
        below += count
        lower = bound if not math.isinf(bound) else lower
    return found + [lower] * (len(ranks) - len(found))


def p95_and_interval(histogram: Histogram | None, z: float = 1.959964) -> tuple[float, float, float] | None:
    return quantile_and_interval(histogram, 0.95, z)


def quantile_and_interval(
    histogram: Histogram | None, q: float, z: float = 1.959964
) -> tuple[float, float, float] | None:
    """A quantile, and an interval of it by order statistics: the ranks at q n +- z sqrt(q (1-q) n); 95 % for the
    usual z. None without requests."""
    n = sum(histogram.counts) if histogram else 0.0
    if n <= 0:
        return None
    half = z * math.sqrt(q * round(1 - q, 12) / n)
    low, middle, high = quantiles(histogram, (max(0.0, q - half), q, min(1.0, q + half)))
    return middle, low, high


def slower_than(histogram: Histogram, limit: float) -> float:
    """Requests surely slower than `limit` seconds: those above the first bucket bound >= limit."""
    for index, bound in enumerate(histogram.bounds):
        if bound >= limit:
            return sum(histogram.counts[index + 1 :])
    return 0.0
