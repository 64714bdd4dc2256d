"""Totals of many samples: by phase, and what they say of the time before one."""

from __future__ import annotations

from collections.abc import Iterable

from pilotage.core import levels, tickets
from pilotage.core.counters import HUGE, KEPT_MINUTES, Counts, Delta, Meter, add, join
from pilotage.core.logwatch import logs_before
from pilotage.core.model import Baseline, Measures, Minute, Plan, Sample


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
