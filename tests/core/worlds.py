"""Plans and simulated traffic for the judge's tests. Randomness comes seeded, from here only."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from pilotage.core.judge import Judge
from pilotage.core.model import (
    Action,
    Baseline,
    Counters,
    Histogram,
    HoldPolicy,
    LatencyMetric,
    Limits,
    Measures,
    Phase,
    Plan,
    RatioMetric,
    Reading,
    Sample,
    Severity,
    Strategy,
    Verdict,
    WayBack,
)

INF = float("inf")
BOUNDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, INF)


def plan(
    *, known_bad: bool = False, weight: float = 10.0, watch_s: float = 600.0, hold: HoldPolicy | None = None
) -> Plan:
    ratio = RatioMetric("errors", "s", "total", "bad")
    bug = RatioMetric("null pointer", "s", "tries", "nulls") if known_bad else None
    measures = Measures({}, "canary", "control", ratio, LatencyMetric("latency", "s", "buckets"), bug)
    phase = Phase(f"{weight:g} %", weight, (), watch_s, 10.0)
    hold = hold or HoldPolicy()
    return Plan(
        "shop", "test", "2", "1", Severity.P0, Strategy.CANARY, "x", known_bad, (), (phase,), WayBack(()), measures,
        Limits(),
        hold, (), "/",
    )  # fmt: skip


@dataclass
class Group:
    rate: float
    errors: float
    bug: float = 0.0
    slow: float = 0.02
    """Share of requests at 0.1-0.25 s; the others are at 25-50 ms."""
    counts: list[float] = field(default_factory=lambda: [0.0] * 4)
    buckets: list[float] = field(default_factory=lambda: [0.0] * len(BOUNDS))

    def tick(self, chance: random.Random) -> None:
        n = self.rate * 10
        requests = int(n) + (chance.random() < n % 1)
        bugs = sum(chance.random() < self.bug for _ in range(requests // 3))
        slow = sum(chance.random() < self.slow for _ in range(requests))
        self.counts[0] += requests
        self.counts[1] += sum(chance.random() < self.errors for _ in range(requests))
        self.counts[2] += requests // 3
        self.counts[3] += bugs
        self.buckets[3] += slow
        self.buckets[1] += requests - slow

    def counters(self) -> Counters:
        requests, errors, tries, nulls = self.counts
        return Counters(requests, errors, Histogram(BOUNDS, tuple(self.buckets)), tries, nulls)


def samples(canary: Group, control: Group, ticks: int = 60, seed: int = 1) -> Iterator[Sample]:
    chance = random.Random(seed)
    for tick in range(ticks + 1):
        if tick:
            canary.tick(chance)
            control.tick(chance)
        yield Sample(0, tick, tick * 10.0, Reading(canary.counters(), control.counters()))


def judged(
    canary: Group, control: Group, *, known_bad: bool = False, seed: int = 1, baseline: Baseline | None = None
) -> tuple[int, Verdict]:
    """The tick at which it ended, and the last verdict."""
    share = 100 * canary.rate / (canary.rate + control.rate)
    judge = Judge(plan(known_bad=known_bad, weight=share), 0, baseline or Baseline())
    tick, verdict = 0, Verdict(Action.WATCH, "")
    for sample in samples(canary, control, seed=seed):
        tick, verdict = sample.tick, judge.observe(sample)
        if verdict.action is Action.ROLLBACK:
            break
    return tick, verdict
