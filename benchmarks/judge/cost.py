"""What the judge costs: CPU microseconds per tick of each metric's evidence, and of a whole tick with its sentences.

.venv/bin/python -m benchmarks.judge.cost
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from benchmarks.judge.run import usual_plan
from pilotage.core.counters import Counts, Delta, Meter
from pilotage.core.evidence import RateEvidence, RatioEvidence
from pilotage.core.judge import Judge
from pilotage.core.latency import LatencyEvidence
from pilotage.core.model import Baseline
from pilotage.core.tally import baseline_of
from pilotage.simulation.world import World, draw, past_samples, samples

TICKS, ROUNDS = 60, 40


def main() -> None:
    drawn = draw(World(bug=(0.45, 0.0)), 1, TICKS, TICKS, (1,))
    seen = list(samples(drawn, 0, 0))
    baseline = baseline_of(past_samples(drawn, 0, 0))
    meter = Meter()
    steps = [step for step in map(meter.take, [one.reading for one in seen]) if isinstance(step, Delta)]
    pairs = [(one.canary, one.control) for one in steps]
    print(f"errors against control  {cost(lambda: ratio(pairs)):5.1f} us per tick")
    print(f"errors limit            {cost(lambda: rate(pairs)):5.1f}")
    print(f"latency, 12 buckets     {cost(lambda: latency(pairs, baseline)):5.1f}")
    print(f"the bug, better/failed  {cost(lambda: bug(pairs)):5.1f}")
    for name, known_bad in (("whole tick, 3 kinds of evidence", False), ("whole tick, 5 kinds of evidence", True)):
        plan = usual_plan(0.1, 10, known_bad)

        def whole(plan=plan) -> None:  # type: ignore[no-untyped-def]
            judge = Judge(plan, 0, baseline)
            for sample in seen:
                judge.observe(sample)

        print(f"{name}  {cost(whole):5.1f}")


def ratio(pairs: list[tuple[Counts, Counts]]) -> None:
    evidence = RatioEvidence(TICKS)
    for c, k in pairs:
        evidence.add(c.requests, c.errors, k.requests, k.errors)
        evidence.log_e  # noqa: B018


def rate(pairs: list[tuple[Counts, Counts]]) -> None:
    evidence = RateEvidence(0.02, TICKS)
    for c, _ in pairs:
        evidence.add(c.requests, c.errors)
        evidence.log_e  # noqa: B018


def latency(pairs: list[tuple[Counts, Counts]], baseline: Baseline) -> None:
    evidence = LatencyEvidence(TICKS, 10.0, baseline.minutes)
    for c, k in pairs:
        evidence.add(c.latency, k.latency)
        evidence.log_e  # noqa: B018


def bug(pairs: list[tuple[Counts, Counts]]) -> None:
    better, failed = RatioEvidence(TICKS), RateEvidence(0.005, TICKS)
    for c, k in pairs:
        better.add(k.bug_total, k.bug_bad, c.bug_total, c.bug_bad)
        failed.add(c.bug_total, c.bug_bad)
        better.log_e  # noqa: B018
        failed.log_e  # noqa: B018


def cost(work: Callable[[], None]) -> float:
    """Median of many rounds, so that a neighbour on the machine is not measured."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        rounds.append((time.process_time() - began) / TICKS * 1e6)
    return median(rounds)


if __name__ == "__main__":
    main()
