"""From cumulative readings to what happened between two of them; what cannot be trusted is a fault, never a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pilotage.core.histograms import add_histograms
from pilotage.core.model import Counters, Histogram, Instance, Reading

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


def join(cells: dict[str, tuple[float, float]], counts: Counts) -> None:
    """Adds what each instance did to its cell; a group whose instances are not told apart is one instance."""
    for name, requests, errors in counts.cells or (("", counts.requests, counts.errors),):
        before = cells.get(name, (0.0, 0.0))
        cells[name] = (before[0] + requests, before[1] + errors)
