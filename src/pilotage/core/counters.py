"""From cumulative readings to what happened between two of them; what cannot be trusted is a fault, never a number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pilotage.core import levels, tickets
from pilotage.core.logwatch import logs_before
from pilotage.core.model import Baseline, Counters, Histogram, Instance, Measures, Minute, Plan, Reading, Sample

HUGE = 1e15
KEPT_MINUTES = 30


@dataclass(frozen=True)
class Counts:
    """One group over some time. `bug_total` stays 0 where the plan has no bug metric.

    `cells` has each instance's (requests, errors), where the source tells instances apart.
    """

    requests: float = 0.0
    errors: float = 0.0
    latency: Histogram | None = None
    bug_total: float = 0.0
    bug_bad: float = 0.0
    cells: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True)
class Delta:
    canary: Counts = field(default_factory=Counts)
    control: Counts = field(default_factory=Counts)


class Fault(ValueError):
    """A reading that gives no numbers. After a reset the counting starts again from it; otherwise it is left out."""

    def __init__(self, sentence: str, reset: bool = False) -> None:
        super().__init__(sentence)
        self.reset = reset


class Meter:
    """Takes successive readings; remembers the last good one, so that a bad one costs its own tick only.

    `control`: whether a reading without it is a fault (``needed``), and whether it is counted at all (``ignored``:
    the canary has all traffic). `canary_seen`: the canary had series before the first reading.
    """

    def __init__(self, control: Literal["needed", "optional", "ignored"] = "needed", canary_seen: bool = False) -> None:
        self._control = control
        self._canary_seen = canary_seen
        self._last: Reading | None = None

    def take(self, reading: Reading) -> Delta | Fault | None:
        """What happened since the last good reading; None for the first good one. Never raises."""
        try:
            self._check(reading)
            step = None if self._last is None else self._step(self._last, reading)
        except Fault as fault:
            if fault.reset:
                self._last = reading
            return fault
        self._last = reading
        self._canary_seen = self._canary_seen or reading.canary is not None
        return step

    def _check(self, reading: Reading) -> None:
        if reading.fault:
            raise Fault(reading.fault)
        if reading.canary is None and reading.control is None:
            raise Fault("the metrics have no series for either group")
        if reading.canary is None and self._canary_seen and self._control != "optional":
            raise Fault("the metrics have no series for the canary any more")
        if reading.control is None and self._control == "needed":
            raise Fault("the metrics have no series for control")
        for name, group in (("canary", reading.canary), ("control", reading.control)):
            if group is not None and not (name == "control" and self._control == "ignored"):
                _believable(name, group)
                for one in group.instances:
                    _believable(f"{name} {one.name}", one.counters)

    def _step(self, before: Reading, after: Reading) -> Delta:
        canary = Counts()
        if after.canary is not None:
            start = after.canary if self._canary_seen else _unborn(after.canary)
            canary = _group("canary", before.canary or start, after.canary)
        if self._control == "ignored" or after.control is None:
            return Delta(canary)
        return Delta(canary, _group("control", before.control or after.control, after.control))


def _believable(name: str, counters: Counters) -> None:
    """Raises Fault when a number is none, negative or beyond belief."""
    latency = counters.latency
    if (
        0 <= counters.requests <= HUGE
        and 0 <= counters.errors <= HUGE
        and (counters.bug_total is None or 0 <= counters.bug_total <= HUGE)
        and (counters.bug_bad is None or 0 <= counters.bug_bad <= HUGE)
        and (
            latency is None
            or (
                0 < len(latency.counts) == len(latency.bounds)
                and min(latency.counts) >= 0
                and sum(latency.counts) <= HUGE
            )
        )
    ):
        return
    numbers = [("requests", counters.requests), ("errors", counters.errors)]
    if counters.bug_total is not None:
        numbers.append(("the bug's total", counters.bug_total))
    if counters.bug_bad is not None:
        numbers.append(("the bug's count", counters.bug_bad))
    if latency is not None:
        if len(latency.counts) != len(latency.bounds) or not latency.counts:
            raise Fault(f"{name}: the latency histogram is broken")
        numbers.append(("a latency bucket", min(latency.counts)))
        numbers.append(("a latency bucket", sum(latency.counts)))
    for what, number in numbers:
        if not 0 <= number <= HUGE:
            known = "is not a number" if number != number else f"is beyond belief ({number:g})"
            raise Fault(f"{name}: {what} {known}")


def _unborn(born: Counters) -> Counters:
    """The canary's counters before its first request: all 0."""
    latency = Histogram(born.latency.bounds, (0.0,) * len(born.latency.bounds)) if born.latency else None
    bug = None if born.bug_total is None else 0.0
    instances = tuple(Instance(one.name, _unborn(one.counters)) for one in born.instances)
    return Counters(0.0, 0.0, latency, bug, None if born.bug_bad is None else 0.0, instances)


def _group(name: str, before: Counters, after: Counters) -> Counts:
    if not (before.instances and after.instances):
        return _counts(name, before, after)
    return _by_instance(name, {one.name: one.counters for one in before.instances}, after.instances)


def _by_instance(name: str, before: dict[str, Counters], after: tuple[Instance, ...]) -> Counts:
    """The sum of what each instance did. One that is new counts from now on; one that is gone, or has begun again,
    leaves this tick out. When none is left to count, that is a fault."""
    total, cells, resets = Counts(), [], []
    for one in after:
        if one.name not in before:
            continue
        try:
            counts = _counts(f"{name} {one.name}", before[one.name], one.counters)
        except Fault as fault:
            if not fault.reset:
                raise
            resets.append(fault)
            continue
        total = add(total, counts)
        cells.append((one.name, counts.requests, counts.errors))
    if resets and not cells:
        raise resets[0]
    if not cells:
        raise Fault(f"{name}: no instance is the same as before ({len(before)} gone, {len(after)} new)", reset=True)
    return Counts(total.requests, total.errors, total.latency, total.bug_total, total.bug_bad, tuple(cells))


def _counts(name: str, before: Counters, after: Counters) -> Counts:
    counts = Counts(
        _rise(name, "requests", before.requests, after.requests),
        _rise(name, "errors", before.errors, after.errors),
        _histogram_rise(name, before.latency, after.latency),
        _known_rise(name, "the bug's total", before.bug_total, after.bug_total),
        _known_rise(name, "the bug's count", before.bug_bad, after.bug_bad),
    )
    if counts.errors > counts.requests:
        raise Fault(f"{name} counts more errors ({counts.errors:g}) than requests ({counts.requests:g})")
    if counts.bug_bad > counts.bug_total:
        raise Fault(f"{name} counts the bug more often ({counts.bug_bad:g}) than its total ({counts.bug_total:g})")
    return counts


def _rise(name: str, what: str, before: float, after: float) -> float:
    if after < before:
        raise Fault(f"{name}: {what} went backwards ({before:g} to {after:g}): a counter was reset", reset=True)
    return after - before


def _known_rise(name: str, what: str, before: float | None, after: float | None) -> float:
    """A series that has just been born counts from now on; one that has gone is a fault."""
    if after is None:
        if before is not None:
            raise Fault(f"{name}: {what} has gone")
        return 0.0
    return _rise(name, what, after if before is None else before, after)


def _histogram_rise(name: str, before: Histogram | None, after: Histogram | None) -> Histogram | None:
    if after is None:
        if before is not None:
            raise Fault(f"{name}: the latency buckets have gone")
        return None
    if before is None:
        return Histogram(after.bounds, (0.0,) * len(after.counts))
    if before.bounds != after.bounds:
        raise Fault(f"{name}: the latency buckets have changed", reset=True)
    rises = tuple([new - old for old, new in zip(before.counts, after.counts, strict=True)])
    if min(rises) < 0:
        raise Fault(f"{name}: a latency bucket went backwards: a counter was reset", reset=True)
    return Histogram(after.bounds, rises)


def add(a: Counts, b: Counts) -> Counts:
    """The sum of both times; `cells` are not kept."""
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
    return Histogram(a.bounds, tuple([x + y for x, y in zip(a.counts, b.counts, strict=True)]))


class Tally:
    """Totals by phase, taken in sample by sample in their order, so that nobody has to count a long rollout anew.

    Faulty ticks are left out; samples of the time before the rollout too, unless `history` is True. Guards and tickets
    are taken in where `measures` names them.
    """

    def __init__(self, history: bool = False, measures: Measures | None = None) -> None:
        self.phases: dict[int, Delta] = {}
        self.guards = levels.GuardTally(measures.guards if measures else ())
        self.tickets = tickets.TicketTally()
        self.place = (-1, -1)
        """Phase and tick of the last sample taken in."""
        self._history = history
        self._meter = Meter("optional")
        self._seen = False

    def take(self, sample: Sample) -> Delta | None:
        """What this sample adds; None for a phase's first, for a fault, and for history."""
        if sample.tick < 0 and not self._history:
            return None
        if sample.phase != self.place[0]:
            self._meter = Meter("optional", self._seen)
        self.place = (sample.phase, sample.tick)
        self.guards.take(sample)
        self.tickets.take(sample)
        self._seen = self._seen or sample.reading.canary is not None
        step = self._meter.take(sample.reading)
        if not isinstance(step, Delta):
            return None
        sum_so_far = self.phases.get(sample.phase, Delta())
        self.phases[sample.phase] = Delta(add(sum_so_far.canary, step.canary), add(sum_so_far.control, step.control))
        return step

    def of(self, phases: Iterable[int]) -> Delta:
        """The sum over these phases."""
        whole = Delta()
        for phase in phases:
            one = self.phases.get(phase, Delta())
            whole = Delta(add(whole.canary, one.canary), add(whole.control, one.control))
        return whole


def tally(samples: Iterable[Sample], measures: Measures | None = None) -> Tally:
    counted = Tally(measures=measures)
    for sample in samples:
        counted.take(sample)
    return counted


def totals(samples: Iterable[Sample]) -> Delta:
    """Everything that happened within the samples' phases; faulty ticks are left out."""
    counted = tally(samples)
    return counted.of(counted.phases)


def before(samples: Iterable[Sample], phase: int) -> list[Sample]:
    """The samples a phase's judge may learn from: those of earlier phases, and of the time before the rollout."""
    return [one for one in samples if one.phase < phase or one.tick < 0]


def baseline_of(samples: Iterable[Sample], plan: Plan | None = None) -> Baseline:
    """Control's totals over the samples, and its last 30 minutes one by one; with `plan` its guards and tickets too."""
    control, seen = Counts(), False
    minutes: dict[float, Counts] = {}
    cells: dict[float, dict[str, tuple[float, float]]] = {}
    known = list(samples)
    counting = Tally(history=True)
    for sample in known:
        step = counting.take(sample)
        if step is None:
            continue
        control = add(control, step.control)
        minute = sample.at // 60
        minutes[minute] = add(minutes.get(minute, Counts()), step.control)
        join(cells.setdefault(minute, {}), step.control)
    seen = any(sample.reading.canary is not None and sample.tick >= 0 for sample in known)
    recent = [Minute(cells[minute], minutes[minute].latency) for minute in sorted(minutes)[-KEPT_MINUTES:]]
    logs, named = logs_before(known)
    return Baseline(
        control.requests,
        control.errors,
        control.latency,
        control.bug_total,
        control.bug_bad,
        tuple(recent),
        seen,
        logs=logs,
        named=named,
        guards=levels.baseline(known, plan.measures.guards) if plan else (),
        tickets=tickets.baseline(known, plan) if plan else None,
    )


def believable(baseline: Baseline) -> Baseline:
    """The baseline, or an empty one where a number of it cannot be true: nothing is compared with nonsense."""
    shares = ((baseline.requests, baseline.errors), (baseline.bug_total, baseline.bug_bad))
    good = all(0 <= bad <= total <= HUGE for total, bad in shares)
    if good and (baseline.latency is None or 0 <= sum(baseline.latency.counts) <= HUGE):
        return baseline
    return Baseline(
        canary_seen=baseline.canary_seen,
        logs=baseline.logs,
        named=baseline.named,
        guards=baseline.guards,
        tickets=baseline.tickets,
    )


def join(cells: dict[str, tuple[float, float]], counts: Counts) -> None:
    """Adds what each instance did to its cell; a group whose instances are not told apart is one instance."""
    for name, requests, errors in counts.cells or (("", counts.requests, counts.errors),):
        before = cells.get(name, (0.0, 0.0))
        cells[name] = (before[0] + requests, before[1] + errors)


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
    """p95, and an interval of it by order statistics: the ranks at .95 n +- z sqrt(.95 .05 n); 95 % for the usual z."""
    n = sum(histogram.counts) if histogram else 0.0
    if n <= 0:
        return None
    half = z * math.sqrt(0.95 * 0.05 / n)
    low, middle, high = quantiles(histogram, (max(0.0, 0.95 - half), 0.95, min(1.0, 0.95 + half)))
    return middle, low, high


def slower_than(histogram: Histogram, limit: float) -> float:
    """Requests surely slower than `limit` seconds: those above the first bucket bound >= limit."""
    for index, bound in enumerate(histogram.bounds):
        if bound >= limit:
            return sum(histogram.counts[index + 1 :])
    return 0.0
