"""From cumulative readings to what happened between two of them; what cannot be trusted is a fault, never a number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from pilotage.core.model import Baseline, Counters, Histogram, Reading, Sample

HUGE = 1e15


@dataclass(frozen=True)
class Counts:
    """One group over some time. `bug_total` stays 0 where the plan has no bug metric."""

    requests: float = 0.0
    errors: float = 0.0
    latency: Histogram | None = None
    bug_total: float = 0.0
    bug_bad: float = 0.0


@dataclass(frozen=True)
class Delta:
    canary: Counts = field(default_factory=Counts)
    control: Counts = field(default_factory=Counts)


def delta(before: Reading, after: Reading) -> Delta | str:
    """What happened between two readings, or the fault's sentence. A group that had no series before began at 0."""
    if after.fault:
        return after.fault
    if before.fault:
        return f"no reading to compare with: {before.fault}"
    if after.canary is None and after.control is None:
        return "the metrics have no series for either group"
    if after.control is None:
        return "the metrics have no series for control"
    if after.canary is None and before.canary is not None:
        return "the canary's series have gone"
    try:
        canary = _group("canary", before.canary, after.canary) if after.canary else Counts()
        return Delta(canary, _group("control", before.control, after.control))
    except ValueError as fault:
        return str(fault)


def _group(name: str, before: Counters | None, after: Counters) -> Counts:
    before = before or Counters(0.0, 0.0)
    counts = Counts(
        _step(name, "requests", before.requests, after.requests),
        _step(name, "errors", before.errors, after.errors),
        _histogram_step(name, before.latency, after.latency),
        _step(name, "the bug's total", before.bug_total or 0.0, after.bug_total or 0.0),
        _step(name, "the bug's count", before.bug_bad or 0.0, after.bug_bad or 0.0),
    )
    if counts.errors > counts.requests:
        raise ValueError(f"{name} counts more errors ({counts.errors:g}) than requests ({counts.requests:g})")
    if counts.bug_bad > counts.bug_total:
        raise ValueError(f"{name} counts the bug more often ({counts.bug_bad:g}) than its total ({counts.bug_total:g})")
    return counts


def _step(name: str, what: str, before: float, after: float) -> float:
    if not (math.isfinite(before) and math.isfinite(after)):
        raise ValueError(f"{name}: {what} is not a number")
    if abs(after) > HUGE or abs(before) > HUGE:
        raise ValueError(f"{name}: {what} is beyond belief ({after:g})")
    if after < before:
        raise ValueError(f"{name}: {what} went backwards ({before:g} to {after:g}): a counter was reset")
    return after - before


def _histogram_step(name: str, before: Histogram | None, after: Histogram | None) -> Histogram | None:
    if after is None:
        return None
    if before is None or before.bounds != after.bounds:
        earlier: tuple[float, ...] = (0.0,) * len(after.counts)
        if before is not None:
            raise ValueError(f"{name}: the latency buckets have changed")
    else:
        earlier = before.counts
    steps = [_step(name, "a latency bucket", old, new) for old, new in zip(earlier, after.counts, strict=True)]
    return Histogram(after.bounds, tuple(steps))


def add(a: Counts, b: Counts) -> Counts:
    return Counts(
        a.requests + b.requests,
        a.errors + b.errors,
        add_histograms(a.latency, b.latency),
        a.bug_total + b.bug_total,
        a.bug_bad + b.bug_bad,
    )


def add_histograms(a: Histogram | None, b: Histogram | None) -> Histogram | None:
    """The sum; different buckets cannot be added, the newer ones win."""
    if a is None or b is None or a.bounds != b.bounds:
        return b or a
    return Histogram(a.bounds, tuple(x + y for x, y in zip(a.counts, b.counts, strict=True)))


def totals(samples: Iterable[Sample]) -> Delta:
    """Everything that happened within the samples' phases; faulty ticks are left out."""
    canary, control = Counts(), Counts()
    before: Sample | None = None
    for sample in samples:
        if before is not None and before.phase == sample.phase:
            step = delta(before.reading, sample.reading)
            if isinstance(step, Delta):
                canary, control = add(canary, step.canary), add(control, step.control)
        if not sample.reading.fault:
            before = sample
    return Delta(canary, control)


def baseline_of(samples: Iterable[Sample]) -> Baseline:
    """Control's totals over the samples: what a later phase without control is compared with."""
    control = totals(samples).control
    return Baseline(control.requests, control.errors, control.latency, control.bug_total, control.bug_bad)


def quantile(histogram: Histogram | None, q: float) -> float | None:
    """Linear within the bucket, as Prometheus' histogram_quantile; the last finite bound for the open bucket."""
    if histogram is None:
        return None
    total = math.fsum(histogram.counts)
    if total <= 0:
        return None
    rank, below, lower = q * total, 0.0, 0.0
    for bound, count in zip(histogram.bounds, histogram.counts, strict=True):
        if below + count >= rank and count > 0:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / count
        below += count
        lower = bound if not math.isinf(bound) else lower
    return lower


def p95_interval(histogram: Histogram | None) -> tuple[float, float] | None:
    """A 95 % interval of p95 by order statistics: the ranks at .95 n +- 1.96 sqrt(.95 .05 n)."""
    if histogram is None:
        return None
    n = math.fsum(histogram.counts)
    if n <= 0:
        return None
    half = 1.959964 * math.sqrt(0.95 * 0.05 / n)
    low, high = quantile(histogram, max(0.0, 0.95 - half)), quantile(histogram, min(1.0, 0.95 + half))
    return (low or 0.0, high or 0.0)


def slower_than(histogram: Histogram, limit: float) -> tuple[float, float]:
    """(requests surely slower than `limit` seconds, the bucket bound that was used: the first one >= limit)."""
    for index, bound in enumerate(histogram.bounds):
        if bound >= limit:
            return math.fsum(histogram.counts[index + 1 :]), bound
    return 0.0, math.inf
