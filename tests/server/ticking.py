"""A rollout whose ticks a test makes: real samples, the real judge's verdicts, the real store; nothing has to wait."""

from __future__ import annotations

import random
from dataclasses import replace

from pilotage.core import events as ev
from pilotage.core.events import Recorded
from pilotage.core.judge import Judge
from pilotage.core.model import (
    Baseline,
    LatencyMetric,
    LogCounts,
    LogSeen,
    LogSignature,
    Measures,
    Phase,
    Plan,
    RatioMetric,
    Reading,
    Sample,
)
from pilotage.core.signals import GuardLevels, GuardMetric, Level
from pilotage.store import messages, queries
from tests.core.worlds import Group, plan
from tests.server.world import World

DIGEST = "sha256:" + "5f" * 32
NAME = "payment-0921-030412-9f3c"
ERROR = LogSignature(1, "NullPointerException in Checkout.total", "NullPointerException\n  at Checkout.total:41", True)


def payment(watch_s: float = 3600.0) -> Plan:
    """Its baseline, 10 %, 50 % after an approval, 100 %; with the bug's own metric, latency and a guard."""
    guard = GuardMetric("db connections", "s", "x", limit=90)
    errors, bug = RatioMetric("errors", "s", "total", "bad"), RatioMetric("null pointer", "s", "tries", "nulls")
    measures = Measures({}, "canary", "control", errors, LatencyMetric("latency", "s", "buckets"), bug, (guard,))
    phases = (
        Phase("baseline", 0.0, (), 60.0, 10.0, judged=False),
        Phase("10 %", 10.0, (), watch_s, 10.0),
        Phase("50 %", 50.0, (), watch_s, 10.0, approval=True),
        Phase("100 %", 100.0, (), watch_s, 10.0),
    )
    known = replace(plan(known_bad=True), service="payment", environment="production", version="2.4.1")
    return replace(known, previous="2.4.0", phases=phases, measures=measures, digest=DIGEST)


class Ticking:
    """Under way at 10 % once it has begun; `tick` makes what 10 s bring."""

    def __init__(self, world: World, name: str = NAME, its: Plan | None = None, seed: int = 7) -> None:
        self.world, self.name, self.plan = world, name, its or payment()
        self.canary, self.control = Group(40, 0.001), Group(360, 0.009, bug=0.3)
        self.phase = 1
        self._chance = random.Random(seed)
        self._number, self._tick = 0, 0
        self._judge = Judge(self.plan, self.phase, Baseline())

    async def begin(self, by: str = "ann") -> Ticking:
        store, now = self.world.store, self.world.clock.now()
        await store.run(queries.create_rollout, self.name, self.plan, "", by, "a test", now)
        await self.tell(ev.RolloutStarted("null pointer hot-fix"), by)
        await self.tell(ev.PhaseStarted(0, "baseline", 0.0))
        await self.tell(ev.PhaseStarted(1, "10 %", 10.0))
        await self.tell(ev.WeightSet("edge", 10.0, 10.0, 0.21, "k1"))
        await self.tell(ev.WatchStarted(1, self.plan.phases[1].watch_s))
        return self

    async def tell(self, event: ev.Event, by: str = "pilotage") -> None:
        recorded = Recorded(self.name, self._number, self.world.clock.now(), by, event)
        self._number += 1
        await self.world.store.run(queries.append_event, recorded)

    async def tick(self, logs: LogCounts | None = None) -> None:
        self.world.clock.time += 10.0
        if self._tick:
            self.canary.tick(self._chance)
            self.control.tick(self._chance)
        guard = GuardLevels("db connections", (Level("c:1", 40 + self._chance.random()),), (Level("b:1", 41.0),))
        reading = Reading(self.canary.counters(), self.control.counters(), guards=(guard,), logs=logs)
        sample = Sample(self.phase, self._tick, self.world.clock.now(), reading)
        self._tick += 1
        await self.world.store.run(queries.add_sample, self.name, sample, self._judge.observe(sample))

    async def new_error(self) -> None:
        await self.tick(LogCounts(named=(ERROR,), critical=(1,), seen=(LogSeen(1, 2, 0, 2, 0),)))

    async def ask_for_approval(self) -> None:
        await self.tell(ev.ApprovalRequested(2, "50 %"))

    async def message(self, title: str) -> None:
        store, now = self.world.store, self.world.clock.now()
        await store.run(messages.open_channels, self.name, 1)
        await store.run(
            messages.sent,
            self.name,
            0,
            messages.Sent(self._number, "incident", "slack", "phase_passed", title, now),
            None,
        )

    async def end(self, why: str = "asked for by bob") -> None:
        await self.tell(ev.RollbackStarted(self.phase, why))
        await self.tell(ev.RolledBack(why, 0.42))
        items = (
            ev.PlannedFollowUp(
                "watch", self.world.clock.now() + 600, "Watch the error rate for another 30 minutes", "ann"
            ),
            ev.PlannedFollowUp("review", self.world.clock.now() + 86400, "Hold the review"),
        )
        await self.tell(ev.FollowUpsPlanned(items))
