"""A guard's levels by instance become one value for each group, tick by tick; and what control usually has. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from pilotage.core.model import Counters, Sample
from pilotage.core.signals import GuardBaseline, GuardLevels, GuardMetric, Level

HUGE = 1e18
HIGH = 0.9


@dataclass(frozen=True)
class Seen:
    """One group's value at one look, and the requests a second that bear on it (None: unknown)."""

    value: float
    load: float | None


class Pace:
    """Requests a second of one group, from its cumulative count; None when it is not known."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def take(self, at: float, counters: Counters | None) -> float | None:
        if counters is None or not 0 <= counters.requests <= HUGE:
            return None
        before, self._last = self._last, (at, counters.requests)
        if before is None or at <= before[0] or counters.requests < before[1]:
            return None
        return (counters.requests - before[1]) / (at - before[0])


class _Group:
    """One guard in one group: its levels become a value, or a sentence that says why not."""

    def __init__(self, metric: GuardMetric) -> None:
        self._metric = metric
        self._last: tuple[float, dict[str, Level]] | None = None

    def take(self, at: float, levels: Sequence[Level], pace: float | None) -> Seen | str:
        if not levels:
            return "has no series"
        if not all(0 <= abs(one.value) <= HUGE for one in levels):
            return "is not a number"
        total, instances = sum(one.value for one in levels), sum(one.instances for one in levels)
        if self._metric.kind == "counter":
            risen = self._rise(at, levels)
            if isinstance(risen, str):
                return risen
            total = risen * instances
        per = self._metric.per
        if per == "request":
            return Seen(total / pace, None) if pace else "cannot be divided by its requests: there were none"
        shared = instances if per == "instance" else 1
        return Seen(total / shared, None if pace is None else pace / shared)

    def _rise(self, at: float, levels: Sequence[Level]) -> float | str:
        """Per second and instance, over those that were there before and did not begin again."""
        before, self._last = self._last, (at, {one.name: one for one in levels})
        if before is None or at <= before[0]:
            return "has one reading, needs two"
        risen = [
            (one.value - early.value, one.instances)
            for one in levels
            if (early := before[1].get(one.name)) and early.instances == one.instances and one.value >= early.value
        ]
        if not risen:
            return "began to count anew"
        return sum(rise for rise, _ in risen) / sum(instances for _, instances in risen) / (at - before[0])


class Meter:
    """All guards of a plan, reading by reading."""

    def __init__(self, metrics: Iterable[GuardMetric]) -> None:
        self.metrics = tuple(metrics)
        self._groups = {one.name: (_Group(one), _Group(one)) for one in self.metrics}
        self._paces = Pace(), Pace()

    def take(self, sample: Sample) -> list[tuple[GuardMetric, Seen | str, Seen | str]]:
        """For each guard what the canary and control show at this sample."""
        if not self.metrics:
            return []
        at, reading = sample.at, sample.reading
        paces = [pace.take(at, one) for pace, one in zip(self._paces, (reading.canary, reading.control), strict=True)]
        levels = {one.name: one for one in reading.guards}
        found = []
        for metric in self.metrics:
            one = levels.get(metric.name, GuardLevels(metric.name, fault="was not read"))
            canary, control = (
                one.fault or group.take(at, values, pace)
                for group, values, pace in zip(self._groups[metric.name], (one.canary, one.control), paces, strict=True)
            )
            found.append((metric, canary, control))
        return found


class GuardTally:
    """Mean values by phase, guard and group, for the comparison table."""

    def __init__(self, metrics: Iterable[GuardMetric]) -> None:
        self.metrics = tuple(metrics)
        self._meter, self._phase = Meter(self.metrics), -1
        self._sums: dict[tuple[int, str, bool], tuple[float, int]] = {}

    def take(self, sample: Sample) -> None:
        if sample.phase != self._phase:
            self._meter, self._phase = Meter(self.metrics), sample.phase
        for metric, canary, control in self._meter.take(sample):
            for seen, is_canary in ((canary, True), (control, False)):
                if isinstance(seen, Seen):
                    total, n = self._sums.get((sample.phase, metric.name, is_canary), (0.0, 0))
                    self._sums[sample.phase, metric.name, is_canary] = total + seen.value, n + 1

    def mean(self, phases: Iterable[int], name: str, canary: bool) -> float | None:
        found = [self._sums[phase, name, canary] for phase in phases if (phase, name, canary) in self._sums]
        return sum(total for total, _ in found) / sum(n for _, n in found) if found else None


def baseline(samples: Iterable[Sample], metrics: Iterable[GuardMetric]) -> tuple[GuardBaseline, ...]:
    """Control's medians over these samples, as long as it served: an idle control is nothing to compare with."""
    metrics = tuple(metrics)
    values: dict[str, list[Seen]] = {one.name: [] for one in metrics}
    meter, pace = Meter(metrics), Pace()
    for sample in samples if metrics else ():
        served = pace.take(sample.at, sample.reading.control) != 0
        for metric, _, control in meter.take(sample):
            if isinstance(control, Seen) and served:
                values[metric.name].append(control)
    found = []
    for name, seen in values.items():
        loads = [one.load for one in seen if one.load is not None]
        if seen:
            ordered = sorted(one.value for one in seen)
            load = median(loads) if loads else None
            found.append(GuardBaseline(name, median(ordered), load, len(seen), high_of(ordered)))
    return tuple(found)


def high_of(ordered: Sequence[float]) -> float:
    """Of values in order: one in ten is above it."""
    return ordered[int(HIGH * (len(ordered) - 1))]
