"""Overdispersion: how much more control varies than independent requests would (docs/method.md, 2).

phi is Pearson's chi-square over its degrees of freedom (McCullagh & Nelder, "Generalized Linear Models", 4.5), over
instances and minutes of the last 30 minutes; evidence is divided by phi' = 1 + 1.5 (phi - 1).
Only what the past minutes have shown is used, so that the evidence stays valid.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise

from pilotage.core.counters import KEPT_MINUTES, Counts, join
from pilotage.core.histograms import add_histograms
from pilotage.core.model import Histogram, Minute

Cells = Mapping[str, tuple[float, float]]

SURE = 2.5
"""Standard deviations above what chance explains; less counts as none, so that luck does not cost power."""
SURE_LASTING = 2.0
"""The same for instances that differ for the whole time. Lower: with few instances even a large difference is hardly
sure, and overlooking it costs false alarms in every phase."""
LEAST_INSTANCES = 4


class Dispersion:
    """`errors` and `latency` are the factors phi' now; 1 until the past says otherwise. `bursts`: before the phase,
    control's instances differed from minute to minute, but not for the whole time."""

    def __init__(self, past: Iterable[Minute], tick_s: float) -> None:
        self._minutes = _Minutes()
        self._shapes: deque[_Pearson] = deque(maxlen=KEPT_MINUTES - 1)
        self._last_shape: Histogram | None = None
        self._ticks_per_minute = max(1, math.ceil(60 / tick_s))
        self._cells: dict[str, tuple[float, float]] = {}
        self._latency: Histogram | None = None
        self._ticks = 0
        self.errors = self.latency = 1.0
        for minute in past:
            self._keep(minute.cells, minute.latency)
        self._weigh()
        self.bursts = self._minutes.in_bursts()

    def add(self, control: Counts) -> None:
        """One tick of control."""
        join(self._cells, control)
        self._latency = add_histograms(self._latency, control.latency)
        self._ticks += 1
        if self._ticks >= self._ticks_per_minute:
            self._keep(self._cells, self._latency)
            self._cells, self._latency, self._ticks = {}, None, 0
            self._weigh()

    def _weigh(self) -> None:
        self.errors = inflated(max(self._minutes.phi()))
        self.latency = inflated(_Pearson.of(self._shapes).phi)

    def _keep(self, cells: Cells, latency: Histogram | None) -> None:
        self._minutes.keep(cells)
        if latency is not None and self._last_shape is not None:
            self._shapes.append(_apart(self._last_shape, latency))
        self._last_shape = latency or self._last_shape


def inflated(phi: float) -> float:
    return 1 + 1.5 * (max(1.0, phi) - 1)


def phi_of_errors(minutes: Iterable[Cells]) -> float:
    """The larger of phi from minute to minute and phi of the whole time."""
    kept = _Minutes()
    for cells in minutes:
        kept.keep(cells)
    return max(kept.phi())


class _Minutes:
    """The last 30 minutes' requests and errors by instance. Instances are compared within each minute (what all share
    cancels in the evidence and is no noise here); one instance alone is compared from minute to minute. Instances that
    differ for the whole time count as well."""

    def __init__(self) -> None:
        self._cells: deque[Cells] = deque()
        self._within: deque[_Pearson] = deque()
        self._next: deque[_Pearson] = deque()
        self._whole: dict[str, tuple[float, float]] = {}

    def keep(self, cells: Cells) -> None:
        within, after = _Pearson(), _Pearson()
        within.compare(cells.values())
        if self._cells:
            after.compare([*self._cells[-1].values(), *cells.values()])
        self._cells.append(cells)
        self._within.append(within)
        self._next.append(after)
        self._count(cells, 1)
        if len(self._cells) > KEPT_MINUTES:
            self._count(self._cells.popleft(), -1)
            self._within.popleft()
            self._next.popleft()

    def _count(self, cells: Cells, sign: int) -> None:
        for name, (n, e) in cells.items():
            before = self._whole.get(name, (0.0, 0.0))
            self._whole[name] = (before[0] + sign * n, before[1] + sign * e)

    def phi(self, sure: float = SURE_LASTING) -> tuple[float, float]:
        """From minute to minute, and of the whole time where it is surely more; 1 for none."""
        apart = _Pearson.of(self._within)
        if apart.freedom == 0:
            apart = _Pearson.of(self._next)
        lasting = _Pearson()
        lasting.compare(self._whole.values())
        if lasting.freedom < LEAST_INSTANCES - 1:
            return apart.phi, 1.0
        return apart.phi, lasting.phi_beyond(apart.phi, sure)

    def in_bursts(self) -> bool:
        """Errors of several instances come in bursts, and no instance is worse than others for long."""
        apart, lasting = self.phi(SURE_LASTING + 1)
        return apart > 1 and lasting == 1 and len(self._whole) >= LEAST_INSTANCES


def phi_of_latency(minutes: Iterable[Histogram]) -> float:
    """Minutes next to each other, bucket by bucket."""
    return _Pearson.of(_apart(early, late) for early, late in pairwise(minutes)).phi


def _apart(early: Histogram, late: Histogram) -> _Pearson:
    table = _Pearson()
    if early.bounds == late.bounds:
        table.compare_shapes(early.counts, late.counts)
    return table


class _Pearson:
    """Sums chi-square, its degrees of freedom and its variance over many small tables."""

    def __init__(self) -> None:
        self._chi = self._variance = 0.0
        self.freedom = 0

    @classmethod
    def of(cls, tables: Iterable[_Pearson]) -> _Pearson:
        """The sum of many."""
        whole = cls()
        for one in tables:
            whole._chi += one._chi
            whole._variance += one._variance
            whole.freedom += one.freedom
        return whole

    @property
    def phi(self) -> float:
        return self.phi_beyond(1.0)

    def phi_beyond(self, known: float, sure: float = SURE) -> float:
        """phi where it is surely more than what is already known; 1 elsewhere."""
        if self.freedom == 0 or self._chi < known * (self.freedom + sure * math.sqrt(self._variance)):
            return 1.0
        return self._chi / self.freedom

    def compare(self, cells: Iterable[tuple[float, float]]) -> None:
        """(trials, events) of cells that should have one rate."""
        cells = [(n, e) for n, e in cells if n > 0]
        trials, events = sum(n for n, _ in cells), sum(e for _, e in cells)
        if len(cells) < 2 or not 0 < events < trials:
            return
        rate = events / trials
        for n, e in cells:
            expected = n * rate
            self._chi += (e - expected) ** 2 / (expected * (1 - rate))
            self._variance += 2 * (1 - n / trials) + (1 - n / trials) / expected
        self.freedom += len(cells) - 1

    def compare_shapes(self, a: Iterable[float], b: Iterable[float]) -> None:
        """Two histograms with equal buckets that should have one shape; rare buckets (expected below 5) are joined."""
        a, b = list(a), list(b)
        n_a, n_b = sum(a), sum(b)
        if n_a <= 0 or n_b <= 0:
            return
        rarest = min(n_a, n_b) / (n_a + n_b)
        chi, buckets, left, right = 0.0, 0, 0.0, 0.0
        for x, y in zip(a, b, strict=True):
            left, right = left + x, right + y
            if (left + right) * rarest >= 5:
                chi += (left * n_b - right * n_a) ** 2 / (n_a * n_b * (left + right))
                buckets, left, right = buckets + 1, 0.0, 0.0
        if buckets >= 2:
            self._chi += chi
            self._variance += 2.0 * (buckets - 1)
            self.freedom += buckets - 1
