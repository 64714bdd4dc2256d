"""The neighbours' rules, each from its own published rule, on what a minute of metrics gives them.

Versions of our own, written from their documentation and source; none of their code is here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean


@dataclass(frozen=True)
class Minute:
    """One interval of 60 s of one metric pair. `canary` and `control` are error rates (0-1) or p95 in seconds; None:
    the query found nothing. `slow`: the canary's p99 in seconds, where the metric is latency."""

    canary: float | None
    control: float | None
    slow: float | None = None


Metric = Sequence[Minute]


def argo(
    metrics: Sequence[Metric], limits: Sequence[float], failure_limit: int = 1, error_limit: int = 4
) -> int | None:
    """The minute of the rollback. Argo Rollouts, `assessMetricStatus` in analysis/analysis.go and docs "Analysis &
    Progressive Delivery": each interval the value is held against the condition; a metric fails once more than
    `failureLimit` measurements have failed, and errs after more than `consecutiveErrorLimit` (4) without a value."""
    failed, silent = [0] * len(metrics), [0] * len(metrics)
    for minute, values in enumerate(zip(*metrics, strict=True), start=1):
        for which, value in enumerate(values):
            silent[which] = silent[which] + 1 if value.canary is None else 0
            failed[which] += value.canary is not None and value.canary > limits[which]
            if failed[which] > failure_limit or silent[which] > error_limit:
                return minute
    return None


def flagger(metrics: Sequence[Metric], limits: Sequence[float], threshold: int = 5) -> int | None:
    """The minute of the rollback. Flagger, `advanceCanary` in pkg/controller/scheduler.go: a check fails when a metric
    is out of its range or has no values; at `threshold` failed checks it rolls back, "interval * threshold" in its
    docs (deployment-strategies.md). Its loop counts the last failure and only acts at its next turn, an interval
    later: that minute is not charged here."""
    failed = 0
    for minute, values in enumerate(zip(*metrics, strict=True), start=1):
        bad = False
        for value, limit in zip(values, limits, strict=True):
            number = value.canary if value.slow is None else value.slow
            bad = bad or number is None or number > limit
        failed += bad
        if failed >= threshold:
            return minute
    return None


def kayenta(metrics: Sequence[Metric], first: int = 5, marginal: float = 75, good: float = 95) -> int | None:
    """The minute of the rollback. Kayenta's NetflixACAJudge with its defaults (kayenta-judge, docs/canary-config.md):
    from minute `first` on, at each interval, over all minutes so far, the score is the share of metrics that are not
    High (direction "increase"); metrics without data do not count, but half of them or more fail the canary
    (WeightedSumScorer). Below `marginal` it fails at once, below `good` at the end."""
    minutes = len(metrics[0])
    for minute in range(first, minutes + 1):
        seen = [metric[:minute] for metric in metrics]
        known = [one for one in seen if has_data(one)]
        enough = len(seen) - len(known) < 0.5 * len(seen)
        score = 100 * sum(not is_high(one) for one in known) / len(known) if enough else 0.0
        if score < marginal or (minute == minutes and score < good):
            return minute
    return None


def has_data(metric: Metric) -> bool:
    return any(one.canary is not None for one in metric) and any(one.control is not None for one in metric)


def is_high(metric: Metric) -> bool:
    """MannWhitneyClassifier, tolerance .25 and confidence .98: the lower end of the shift's interval is above a quarter
    of its estimate, and the ratio of the means, where there is one, is at least 1 (effect size "meanRatio"). Points
    without a value are removed (nanStrategy) and outliers are kept (outliers.strategy): both are the defaults."""
    canary = [one.canary for one in metric if one.canary is not None]
    control = [one.control for one in metric if one.control is not None]
    if not canary or not control or sorted(canary) == sorted(control) or len({*canary, *control}) == 1:
        return False
    if _statistic(canary, control, 0.0) <= _Z:  # the interval's lower end is not above 0
        return False
    mine, theirs = fmean(canary), fmean(control)
    if mine and theirs and mine < theirs:
        return False
    estimate = _shift(canary, control, 0.0)
    return _shift(canary, control, _Z) > 0.25 * estimate


_Z = NormalDist().inv_cdf(0.99)
"""Two-sided confidence .98."""


def _statistic(x: Sequence[float], y: Sequence[float], shift: float) -> float:
    """The standardised rank sum of x - shift against y, with ties and continuity (R's wilcox.test, asymptotic)."""
    moved = [one - shift for one in x]
    pooled = sorted([*moved, *y])
    rank: dict[float, float] = {}
    ties, place = 0.0, 0
    while place < len(pooled):
        same = pooled.count(pooled[place])
        rank[pooled[place]] = place + (same + 1) / 2
        ties += same**3 - same
        place += same
    n, m = len(x), len(y)
    centred = sum(rank[one] for one in moved) - n * (n + 1) / 2 - n * m / 2
    spread = math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
    if spread == 0:
        return 0.0
    return (centred - math.copysign(0.5, centred) * (centred != 0)) / spread


def _shift(x: Sequence[float], y: Sequence[float], z: float) -> float:
    """The shift at which the statistic falls to `z`: an end of the interval, or with 0 the estimate."""
    low, high = min(x) - max(y), max(x) - min(y)
    if _statistic(x, y, low) <= z:
        return low
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _statistic(x, y, middle) > z else (low, middle)
    return low
