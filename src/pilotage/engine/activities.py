"""What the workflow asks of the world. Each may run twice around a crash; none acts twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from temporalio import activity
from temporalio.exceptions import ApplicationError

from pilotage import tracing
from pilotage.codec import from_json, to_json
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.events import Deployed, Failed, PhaseStarted, Promoted, Recorded, RolledBack, WeightSet
from pilotage.core.model import Step
from pilotage.drivers.process import OVERTAKEN
from pilotage.drivers.secrets import hide
from pilotage.engine import fence
from pilotage.engine.acting import act
from pilotage.engine.aftercare import Aftercare
from pilotage.engine.clock import Clock
from pilotage.engine.crew import Crew, driver_of
from pilotage.engine.heartbeats import heartbeats, this_task
from pilotage.engine.tasks import StepTask
from pilotage.engine.watching import Watching
from pilotage.handover import snapshots
from pilotage.store import Store, queries
from pilotage.telemetry import ENDED, driver_call

LONGEST_WAIT_S = 60.0
"""A service that asks to be left alone for longer is asked again all the same."""


class Activities:
    def __init__(self, store: Store, state: Path, clock: Clock) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._crews: dict[str, Crew] = {}
        self._acting: dict[tuple[str, str], asyncio.Task[object]] = {}
        self._watching = Watching(store, state, clock, lambda rollout: self._crew(rollout))
        self._aftercare = Aftercare(store, state, clock, lambda rollout: self._crew(rollout), self._dismiss)

    def all(self) -> list[object]:
        return [self.record, self.take_step, self.end, *self._watching.all(), *self._aftercare.all()]

    @activity.defn
    async def record(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, PhaseStarted):
            await asyncio.to_thread(snapshots.reach, self._state, recorded.rollout, recorded.event.phase)
        await self._store.run(queries.append_event, recorded)
        tracing.note(event=recorded.event.kind)
        if isinstance(recorded.event, Promoted | RolledBack | Failed):
            ENDED.labels(recorded.event.kind).inc()

    @activity.defn
    async def end(self, rollout: str) -> None:
        await self._store.run(queries.end_rollout, rollout)
        await asyncio.to_thread(snapshots.forget, self._state, rollout)
        self._watching.forget(rollout)
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
        me = this_task()
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
            async with heartbeats():
                event = await self._act_forward(task) if task.forward else await self._act(task)
            if isinstance(event, Deployed):
                event = replace(event, detail=await self._without_secrets(task.rollout, event.detail))
            await self._store.run(queries.finish_call, task.key, to_json(event))
        except Exception as error:
            final = isinstance(error, PermanentError | queries.Fenced | fence.GoneBackDirectly)
            said = await self._without_secrets(task.rollout, str(error))
            raise ApplicationError(
                said, type=type(error).__name__, non_retryable=final, next_retry_delay=asked_to_wait(error)
            ) from None
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
        step = task.step
        with driver_call(driver_of(crew.plan, step.target), step.action, target=step.target, key=task.key) as span:
            if step.weight is not None:
                span.note(weight=step.weight)
            return await act(crew, step, task.key, self._clock.now)

    async def _act_forward(self, task: StepTask) -> WeightSet | Deployed:
        if task.step.action == "set_weight" and task.expected:
            before = {task.step.target: replace(task.step, weight=task.expected)}
            drift = await self._watching.looked(await self._crew(task.rollout), task.rollout, before)
            if drift.taken_back:
                raise fence.GoneBackDirectly(drift.taken_back)
        return await fence.unless_gone_back(self._state, task.rollout, self._act(task))

    async def _crew(self, rollout: str) -> Crew:
        crew = self._crews.get(rollout)
        if crew is None:
            row = await self._store.run(queries.get_rollout, rollout)
            crew = self._crews[rollout] = Crew(row.plan, self._state)
        return crew

    async def close(self) -> None:
        for crew in self._crews.values():
            await crew.close()


def _event_type(step: Step) -> type[WeightSet] | type[Deployed]:
    return WeightSet if step.action == "set_weight" else Deployed


def asked_to_wait(error: Exception) -> timedelta | None:
    """How long the engine waits before the next attempt; None: as its own policy says."""
    if not isinstance(error, TemporaryError) or error.after_s is None:
        return None
    return timedelta(seconds=min(error.after_s, LONGEST_WAIT_S))
