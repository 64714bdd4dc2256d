"""What the workflow asks of the world. Each may run twice around a crash; none acts twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from pilotage.codec import from_json, to_json
from pilotage.core.counters import baseline_of, before
from pilotage.core.errors import PermanentError
from pilotage.core.events import Deployed, PhaseStarted, Recorded, WeightSet
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Plan, Sample, Step, Verdict
from pilotage.core.underway import in_force
from pilotage.drivers.process import OVERTAKEN
from pilotage.drivers.secrets import hide
from pilotage.engine import fence, measure
from pilotage.engine.acting import act
from pilotage.engine.aftercare import Aftercare
from pilotage.engine.clock import Clock
from pilotage.engine.crew import Crew
from pilotage.engine.drift import Drift, Splitters, with_drift
from pilotage.engine.listening import Listening
from pilotage.engine.tasks import AskTask, StepTask, WatchTask
from pilotage.engine.telemetry import DRIVER_SECONDS, TICK_LATENESS, TICKS
from pilotage.handover import snapshots
from pilotage.store import Store, queries

BEAT_S = 1.0
"""A driver call that runs shows its life so often."""
READ_TIMEOUT_S = 5.0
PAST_TIMEOUT_S = 10.0

log = structlog.get_logger()


class Activities:
    def __init__(self, store: Store, state: Path, clock: Clock) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._crews: dict[str, Crew] = {}
        self._acting: dict[tuple[str, str], asyncio.Task[object]] = {}
        self._watching: dict[str, asyncio.Task[object]] = {}
        self._listenings: dict[str, Listening] = {}
        self._splitters: dict[str, Splitters] = {}
        self._aftercare = Aftercare(store, state, clock, lambda rollout: self._crew(rollout), self._dismiss)

    def all(self) -> list[object]:
        own = [self.record, self.take_step, self.watch, self.outlook, self.probe_target, self.end]
        own += [self.astray, self.old_colour_serves]
        return [*own, *self._aftercare.all()]

    @activity.defn
    async def record(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, PhaseStarted):
            await asyncio.to_thread(snapshots.reach, self._state, recorded.rollout, recorded.event.phase)
        await self._store.run(queries.append_event, recorded)

    @activity.defn
    async def end(self, rollout: str) -> None:
        await self._store.run(queries.end_rollout, rollout)
        await asyncio.to_thread(snapshots.forget, self._state, rollout)
        self._listenings.pop(rollout, None)
        self._splitters.pop(rollout, None)
        await self._dismiss(rollout)

    async def _dismiss(self, rollout: str) -> None:
        crew = self._crews.pop(rollout, None)
        if crew is not None:
            await crew.close()

    # -------------------------------------------------------------- acting

    @activity.defn
    async def take_step(self, task: StepTask) -> WeightSet | Deployed:
        """One driver call under its key. A later call on the same target ends an earlier one that still runs.

        A step forward is refused when somebody has gone back without the coordinator, also while it runs.
        """
        me = _this_task()
        place = (task.rollout, task.step.target)
        before = self._acting.get(place)
        self._acting[place] = me
        try:
            if task.forward:
                await fence.check(self._state, task.rollout)
            done = await self._store.run(
                queries.begin_call, task.key, task.rollout, task.step.target, task.call, self._clock.now()
            )
            if before is not None and not before.done():
                before.cancel(OVERTAKEN)
                await asyncio.wait([before], timeout=2)
            if done is not None:
                return from_json(_event_type(task.step), done)
            async with _heartbeats():
                event = await self._act_forward(task) if task.forward else await self._act(task)
            if isinstance(event, Deployed):
                event = replace(event, detail=await self._without_secrets(task.rollout, event.detail))
            await self._store.run(queries.finish_call, task.key, to_json(event))
        except Exception as error:
            final = isinstance(error, PermanentError | queries.Fenced | fence.GoneBackDirectly)
            said = await self._without_secrets(task.rollout, str(error))
            raise ApplicationError(said, type=type(error).__name__, non_retryable=final) from None
        finally:
            if self._acting.get(place) is me:
                del self._acting[place]
        return event

    async def _without_secrets(self, rollout: str, text: str) -> str:
        """What a driver says goes into the record, the engine's history and messages."""
        options = [ref.options for ref in (await self._crew(rollout)).plan.refs]
        return await asyncio.to_thread(hide, text, options)

    async def _act(self, task: StepTask) -> WeightSet | Deployed:
        crew = await self._crew(task.rollout)
        with DRIVER_SECONDS.labels(task.step.action).time():
            return await act(crew, task.step, task.key, self._clock.now)

    async def _act_forward(self, task: StepTask) -> WeightSet | Deployed:
        if task.step.action == "set_weight" and task.expected:
            before = {task.step.target: replace(task.step, weight=task.expected)}
            drift = await self._looked(await self._crew(task.rollout), task.rollout, before)
            if drift.taken_back:
                raise fence.GoneBackDirectly(drift.taken_back)
        return await fence.unless_gone_back(self._state, task.rollout, self._act(task))

    # -------------------------------------------------------------- watching

    @activity.defn
    async def watch(self, task: WatchTask) -> Verdict:
        """Samples, stores, judges; returns when the verdict changes what the rollout does. Never acts.

        Going back without the coordinator, or from outside while nobody watched, is a verdict, too.
        """
        before = self._watching.get(task.rollout)
        if before is not None and not before.done():
            before.cancel()
        self._watching[task.rollout] = _this_task()
        crew = await self._crew(task.rollout)
        steps = in_force(crew.plan, task.phase)
        async with _heartbeats():
            if back := await fence.gone_back(self._state, task.rollout):
                return Verdict(Action.ROLLBACK, back)
            drift = await self._looked(crew, task.rollout, steps)
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
            async with _heartbeats():
                await self._remember_the_past(crew, task)
                await listening.read_history()
            judge, last, verdict = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
        tick_s = crew.plan.phases[task.phase].tick_s
        tick = 0 if last is None else last.tick + 1
        due = self._clock.now() if last is None else max(last.at + tick_s, self._clock.now())
        while True:
            if back := await self._sleep_until(due, listening, task.rollout):
                return Verdict(Action.ROLLBACK, back)
            TICK_LATENESS.observe(max(0.0, self._clock.now() - due))
            reading, drift = await asyncio.gather(
                measure.read(crew.plan.measures, crew.sources, min(READ_TIMEOUT_S, max(tick_s, 1.0))),
                self._looked(crew, task.rollout, steps),
            )
            reading = await listening.complete(reading)
            sample = Sample(task.phase, tick, self._clock.now(), reading, task.counted)
            verdict = judge.observe(sample)
            if not await listening.store(task.rollout, sample, verdict):
                judge, last, verdict = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
                tick = last.tick if last is not None else tick
                await self._settle(listening, task)
            TICKS.inc()
            verdict = with_drift(verdict, drift, crew.plan, self._clock.now())
            if _decides(verdict, task):
                return verdict
            tick += 1
            due = max(due + tick_s, self._clock.now() - tick_s)

    @activity.defn
    async def outlook(self, task: AskTask) -> str:
        """Why going back would bring the outage back, by what is stored; empty when it would not."""
        crew = await self._crew(task.rollout)
        judge, _, _ = await self._rebuilt_judge(crew.plan, task.rollout, task.phase)
        return judge.outage()

    @activity.defn
    async def astray(self, task: AskTask) -> list[str]:
        """Splitters that have another weight than this phase has set, and were not taken back."""
        crew = await self._crew(task.rollout)
        drift = await self._looked(crew, task.rollout, in_force(crew.plan, task.phase))
        return [one.target for one in drift.lost + drift.changed]

    @activity.defn
    async def old_colour_serves(self, task: AskTask) -> str:
        """Why the old colour must not be released: it gets traffic, or nobody can tell; empty when it gets none."""
        if back := await fence.gone_back(self._state, task.rollout):
            return back
        crew = await self._crew(task.rollout)
        for one in (one.name for one in crew.plan.targets if one.kind == "traffic"):
            weight = await crew.traffic(one).read_weight()
            if weight < 100:
                return f"{one} sends {100 - weight:g} % to it"
        return ""

    @activity.defn
    async def probe_target(self, task: AskTask) -> str:
        """Why the traffic must not be sent back: what would get it is gone, surely. A probe that fails bars nothing."""
        crew = await self._crew(task.rollout)
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
        async with _heartbeats():
            await listening.settle(task.rollout, await self._store.run(queries.last_place, task.rollout))

    async def _looked(self, crew: Crew, rollout: str, steps: Mapping[str, Step]) -> Drift:
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

    async def _crew(self, rollout: str) -> Crew:
        crew = self._crews.get(rollout)
        if crew is None:
            row = await self._store.run(queries.get_rollout, rollout)
            crew = self._crews[rollout] = Crew(row.plan, self._state)
        return crew

    async def close(self) -> None:
        for crew in self._crews.values():
            await crew.close()


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


def _event_type(step: Step) -> type[WeightSet] | type[Deployed]:
    return WeightSet if step.action == "set_weight" else Deployed


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """So that a dead worker is noticed within seconds while a driver call runs."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT_S)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
