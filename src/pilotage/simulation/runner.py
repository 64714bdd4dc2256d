"""Many phases of one world before the judge, and what came of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

from pilotage.core.evidence import wilson
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Plan
from pilotage.core.tally import baseline_of
from pilotage.simulation.world import World, draw, past_samples, samples

BATCH = 100
MOST_TICKS_AT_ONCE = 100_000
"""Runs times ticks of a batch: with 12 buckets a long watch of short ticks would else need gigabytes."""


@dataclass(frozen=True)
class Outcome:
    """One phase. Ticks count from 1; None: it did not happen. `shows` is the finding that first alarmed.

    `held`: it was still held when its watch was over. `harmed` requests until traffic went back, or the watch's end.
    """

    rolled_back: int | None
    alarmed: int | None
    held: bool
    promoted: bool
    shows: str
    harmed: float


@dataclass(frozen=True)
class Summary:
    """Fractions are of all runs. Seconds count from the onset and are of the runs that found it; None without any."""

    runs: int
    seed: int
    rolled_back: float
    rolled_back_low: float
    rolled_back_high: float
    rolled_back_before_onset: float
    held: float
    promoted: float
    found: float
    """Rolled back or held because of what the judge saw after the onset; for a healthy world: an alarm at all."""
    median_s: float | None
    p90_s: float | None
    """To find it: to be held or rolled back."""
    rollback_median_s: float | None
    rollback_p90_s: float | None
    harmed_requests: float
    """Mean over the runs, beyond what is usual."""


def simulate(
    plan: Plan,
    phase: int,
    world: World,
    runs: int,
    seed: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Summary:
    """The plan's judge on `runs` phases of this world. The same seed gives the same answer."""
    found = []
    for outcome in outcomes(plan, phase, world, runs, seed):
        found.append(outcome)
        progress(len(found))
    return summary(found, world, runs, seed)


def outcomes(plan: Plan, phase: int, world: World, runs: int, seed: int) -> Iterator[Outcome]:
    """Phase by phase, each to its end: rolled back, promoted, or the hold's deadline."""
    plan = _adapted(plan, phase, world)
    watched = plan.phases[phase]
    watch_ticks = math.ceil(watched.watch_s / watched.tick_s)
    ticks = watch_ticks + math.ceil(plan.hold.deadline_s / watched.tick_s) + 2
    batch = max(1, min(BATCH, MOST_TICKS_AT_ONCE // ticks))
    for first in range(0, runs, batch):
        drawn = draw(world, min(batch, runs - first), ticks, watch_ticks, (seed, first))
        for run in range(min(batch, runs - first)):
            judge = Judge(plan, phase, baseline_of(past_samples(drawn, run, phase)))
            rolled_back = alarmed = None
            held = promoted = False
            shows, last = "", 0
            for sample in samples(drawn, run, phase):
                verdict = judge.observe(sample)
                last = sample.tick
                if verdict.action in (Action.HOLD, Action.ROLLBACK) and alarmed is None:
                    alarmed = last
                    shows = next((one.shows for one in verdict.findings if one.shows), "unknown")
                held = held or (verdict.action is Action.HOLD and last >= watch_ticks)
                if verdict.action is Action.ROLLBACK:
                    rolled_back = last
                    break
                if verdict.action is Action.PROMOTE:
                    promoted = True
                    break
            harmed = float(drawn.harmed[run][: min(last, watch_ticks)].sum())
            yield Outcome(rolled_back, alarmed, held, promoted, shows, harmed)


def _adapted(plan: Plan, phase: int, world: World) -> Plan:
    """The plan with this world's share and without measures the world does not have."""
    phases = list(plan.phases)
    phases[phase] = replace(phases[phase], weight=world.share * 100, judged=True)
    measures = plan.measures if world.bug else replace(plan.measures, bug=None)
    measures = replace(measures, guards=(), tickets=None)  # no world has them
    known_bad = plan.known_bad and world.bug is not None
    return replace(plan, phases=tuple(phases), measures=measures, known_bad=known_bad, logs=None)


def summary(found: list[Outcome], world: World, runs: int, seed: int) -> Summary:
    onset = 0.0 if world.healthy else world.onset_s
    back = [one.rolled_back * world.tick_s for one in found if one.rolled_back is not None]
    alarms = [one.alarmed * world.tick_s for one in found if one.alarmed is not None]
    in_time = sorted(at - onset for at in back if at > onset)
    alarmed = sorted(at - onset for at in alarms if at > onset)
    low, high = wilson(len(back), runs)
    return Summary(
        runs=runs,
        seed=seed,
        rolled_back=len(back) / runs,
        rolled_back_low=low,
        rolled_back_high=high,
        rolled_back_before_onset=(len(back) - len(in_time)) / runs,
        held=sum(one.held for one in found) / runs,
        promoted=sum(one.promoted for one in found) / runs,
        found=len(alarmed) / runs,
        median_s=_quantile(alarmed, 0.5),
        p90_s=_quantile(alarmed, 0.9),
        rollback_median_s=_quantile(in_time, 0.5),
        rollback_p90_s=_quantile(in_time, 0.9),
        harmed_requests=round(sum(one.harmed for one in found) / runs, 1),
    )


def as_data(result: Summary) -> dict[str, float | int | None]:
    return asdict(result)


def _quantile(ordered: list[float], q: float) -> float | None:
    """The smallest value that at least q of them do not exceed."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)] if ordered else None
