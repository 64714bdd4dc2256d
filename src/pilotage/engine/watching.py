"""What a rollout's watch asks of the world: samples, logs, the splitters' weights. Only looks; nothing here acts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog
from temporalio import activity

from pilotage.core.judge import Judge
from pilotage.core.model import Action, Plan, Sample, Step, Verdict
from pilotage.core.tally import baseline_of, before
from pilotage.core.underway import in_force
from pilotage.engine import fence, measure
from pilotage.engine.clock import Clock
from pilotage.engine.crew import Crew
from pilotage.engine.drift import Drift, Splitters, with_drift
from pilotage.engine.heartbeats import heartbeats, this_task
from pilotage.engine.listening import Listening
from pilotage.engine.tasks import AskTask, WatchTask
from pilotage.engine.ticks import traced_tick
from pilotage.store import Store, queries
from pilotage.telemetry import TICK_LATENESS, TICKS, VERDICTS

READ_TIMEOUT_S = 5.0
PAST_TIMEOUT_S = 10.0

log = structlog.get_logger()


CrewOf = Callable[[str], Awaitable[Crew]]


class Watching:
    """`crew_of` gives a rollout's drivers."""

    def __init__(self, store: Store, state: Path, clock: Clock, crew_of: CrewOf) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._crew_of = crew_of
        self._watching: dict[str, asyncio.Task[object]] = {}
        self._listenings: dict[str, Listening] = {}
        self._splitters: dict[str, Splitters] = {}

    def all(self) -> list[object]:
        return [self.watch, self.outlook, self.astray, self.old_colour_serves, self.probe_target]

    def forget(self, rollout: str) -> None:
        """It has ended."""
        self._listenings.pop(rollout, None)
        self._splitters.pop(rollout, None)

    @activity.defn
    async def watch(self, task: WatchTask) -> Verdict:
        """Samples, stores, judges; returns when the verdict changes what the rollout does. Never acts.

        Going back without the coordinator, or from outside while nobody watched, is a verdict, too.
        """
        before = self._watching.get(task.rollout)
        if before is not None and not before.done():
            before.cancel()
        self._watching[task.rollout] = this_task()
        crew = await self._crew_of(task.rollout)
        steps = in_force(crew.plan, task.phase)
        async with heartbeats():
            if back := await fence.gone_back(self._state, task.rollout):
                return Verdict(Action.ROLLBACK, back)
            drift = await self.looked(crew, task.rollout, steps)
        if drift.taken_back:
            return Verdict(Action.ROLLBACK, drift.taken_back)
        judge, last, verdict = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
        if last is not None and last.tick > 0 and last.counted:
            now = with_drift(verdict, drift, crew.plan, self._clock.now())
            if _decides(now, task):
                return now
        listening = self._listenings.setdefault(task.rollout, Listening(self._store, crew, self._clock.now))
        await self._settle(listening, task)
        if last is None and task.phase == 0:
            async with heartbeats():
                await self._remember_the_past(crew, task)
                await listening.read_history()
            judge, last, verdict = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
        tick_s = crew.plan.phases[task.phase].tick_s
        tick = 0 if last is None else last.tick + 1
        due = self._clock.now() + crew.behind_s if last is None else max(last.at + tick_s, self._clock.now())
        while True:
            if back := await self._sleep_until(due, listening, task.rollout):
                return Verdict(Action.ROLLBACK, back)
            TICK_LATENESS.observe(max(0.0, self._clock.now() - due))
            with traced_tick(tick) as span:
                span.note(rollout=task.rollout, phase=task.phase, tick=tick)
                reading, drift = await asyncio.gather(
                    measure.read(crew.plan.measures, crew.sources, min(READ_TIMEOUT_S, max(tick_s, 1.0))),
                    self.looked(crew, task.rollout, steps),
                )
            reading = await listening.complete(reading)
            sample = Sample(task.phase, tick, self._clock.now(), reading, task.counted)
            verdict = judge.observe(sample)
            if not await listening.store(task.rollout, sample, verdict):
                judge, last, verdict = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
                tick = last.tick if last is not None else tick
                await self._settle(listening, task)
            verdict = with_drift(verdict, drift, crew.plan, self._clock.now())
            TICKS.inc()
            VERDICTS.labels(verdict.action.value.lower()).inc()
            if _decides(verdict, task):
                return verdict
            tick += 1
            due = max(due + tick_s, self._clock.now() - tick_s)

    @activity.defn
    async def outlook(self, task: AskTask) -> str:
        """Why going back would bring the outage back, by what is stored; empty when it would not."""
        crew = await self._crew_of(task.rollout)
        judge, _, _ = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
        return judge.outage()

    @activity.defn
    async def astray(self, task: AskTask) -> list[str]:
        """Splitters that have another weight than this phase has set, and were not taken back."""
        crew = await self._crew_of(task.rollout)
        drift = await self.looked(crew, task.rollout, in_force(crew.plan, task.phase))
        return [one.target for one in drift.lost + drift.changed]

    @activity.defn
    async def old_colour_serves(self, task: AskTask) -> str:
        """Why the old colour must not be released: it gets traffic, or nobody can tell; empty when it gets none."""
        if back := await fence.gone_back(self._state, task.rollout):
            return back
        crew = await self._crew_of(task.rollout)
        for one in (one.name for one in crew.plan.targets if one.kind == "traffic"):
            weight = await crew.traffic(one).read_weight()
            if weight < 100:
                return f"{one} sends {100 - weight:g} % to it"
        return ""

    @activity.defn
    async def probe_target(self, task: AskTask) -> str:
        """Why the traffic must not be sent back: what would get it is gone, surely. A probe that fails bars nothing."""
        crew = await self._crew_of(task.rollout)
        return await crew.gone()

    async def _rebuilt_judge(self, plan: Plan, rollout: str, phase: int) -> tuple[Judge, Sample | None, Verdict]:
        """A judge that has seen what is stored: evidence survives a crash."""
        samples = await self._store.run(queries.samples_of, rollout)
        judge = Judge(plan, phase, baseline_of(before(samples, phase), plan))
        verdict = Verdict(Action.WATCH, "")
        last = None
        for last in (one for one in samples if one.phase == phase):
            verdict = judge.observe(last)
        return judge, last, verdict

    async def _remember_the_past(self, crew: Crew, task: WatchTask) -> None:
        """Half an hour of control from a source that keeps its past, as samples before tick 0. Without it the judge
        does its work all the same, so a source that fails here is only noted."""
        try:
            past = await measure.read_past(crew.plan.measures, crew.sources, PAST_TIMEOUT_S)
        except Exception as error:
            log.warning("the metrics source does not tell its past", rollout=task.rollout, error=str(error))
            return
        for back, (at, reading) in enumerate(reversed(past), start=1):
            verdict = Verdict(Action.WATCH, "history")
            await self._store.run(queries.add_sample, task.rollout, Sample(task.phase, -back, at, reading), verdict)

    async def _settle(self, listening: Listening, task: WatchTask) -> None:
        async with heartbeats():
            await listening.settle(task.rollout, await self._store.run(queries.last_place, task.rollout))

    async def looked(self, crew: Crew, rollout: str, steps: Mapping[str, Step]) -> Drift:
        """What the splitters say beside `steps`; what was seen of this rollout before is remembered."""
        return await self._splitters.setdefault(rollout, Splitters()).look(crew, steps, self._clock.now())

    async def _sleep_until(self, due: float, listening: Listening, rollout: str) -> str:
        """In short pieces, each with a heartbeat: that is how a cancelled watch hears of it.

        Returns at once, with a sentence, when somebody goes back without the coordinator; else with nothing to say.
        """
        while True:
            activity.heartbeat()
            if back := await fence.gone_back(self._state, rollout):
                return back
            left = due - self._clock.now()
            if left <= 0:
                return ""
            await self._clock.sleep(min(left, listening.beat_s))
            await listening.poll()


def _decides(verdict: Verdict, task: WatchTask) -> bool:
    if verdict.action is Action.ROLLBACK:
        return not (task.resigned and verdict.outage)
    if verdict.action is Action.WATCH and verdict.drifted:
        return not task.given_up
    if not task.counted:
        return False
    if verdict.action is Action.PROMOTE:
        return True
    if (verdict.action is Action.HOLD) != task.held:
        return True
    return verdict.overdue and not task.asked
