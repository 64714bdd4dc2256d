"""A rollout, as the runbook tells it: shift, watch, go on - and back at any moment.

Deterministic: only `core` and workflow APIs here. Everything that touches the world is an activity.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import (
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from pilotage.core import events as ev
    from pilotage.core import underway
    from pilotage.core.model import Action, Phase, Step, Verdict, Way
    from pilotage.core.state import Status
    from pilotage.engine import Aftermath, Start, aftermath_id, asking
    from pilotage.engine.back import go_back
    from pilotage.engine.ledger import FOREVER
    from pilotage.engine.orders import Orders
    from pilotage.engine.steps import HEARTBEAT, Steps, TurnBack, Unanswered
    from pilotage.engine.tasks import WatchTask

PAUSE_REMINDER_S = 4 * 3600.0
LEAST_BAD = {
    "hold": "The traffic stays where it is",
    "flag-off": "The traffic stays where it is, and the feature is switched off",
    "fix-forward": "The traffic stays where it is: bring out a further fix for the new version, then resume",
}
STEP_RETRY_S = 5.0
MOST_RESTORES = 3
TASK_TIMEOUT = timedelta(seconds=5)


@workflow.defn(name="Rollout")
class RolloutWorkflow(Orders):
    @workflow.init
    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self._steps = Steps(start, self._ledger)
        self._failures: dict[tuple[str, str], str] = {}
        self._restored = 0

    # -------------------------------------------------------------- the runbook

    @workflow.run
    async def run(self, start: Start) -> str:
        if start.next_number == 0:
            await self._record(ev.RolloutStarted(start.reason), by=start.by)
            if start.checklist is not None:
                await self._record(start.checklist, by=start.by)
                for one in start.checklist.items:
                    if one.mark == "overridden":
                        await self._record(ev.ChecklistOverridden(one.id, one.text, one.evidence), by=one.by)
        if start.turning_back:
            self._turn_back = TurnBack(start.turning_back)
        walk = asyncio.create_task(self._walk())
        await workflow.wait_condition(lambda: walk.done() or self._turn_back is not None)
        if self._turn_back is None and isinstance(failure := walk.exception(), TurnBack):
            self._turn_back = failure
        if self._turn_back is not None:
            walk.cancel()
            await asyncio.wait([walk])
            await self._roll_back(self._turn_back)
        else:
            walk.result()
            await self._record(ev.Promoted(f"{self._plan.version} has all traffic and passed every phase"))
        await self._ledger.close()
        await workflow.wait_condition(workflow.all_handlers_finished)
        await self._hand_over()
        return self._state.status.value

    async def _hand_over(self) -> None:
        """What is left to do takes days, and a workflow of its own; nobody waits for it here."""
        aftermath = Aftermath(self._start.rollout, self._plan, self._state.status, workflow.now().timestamp())
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                "Aftermath",
                replace(aftermath, next_number=self._state.next_number),
                id=aftermath_id(self._start.rollout),
                task_timeout=TASK_TIMEOUT,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            )

    async def _walk(self) -> None:
        for index in range(self._start.first_phase, len(self._plan.phases)):
            self._no_further_when_turned()
            phase = self._plan.phases[index]
            if phase.approval:
                await self._wait_for_approval(index, phase)
            await self._record(ev.PhaseStarted(index, phase.name, phase.weight))
            for step in phase.steps:
                self._no_further_when_turned()
                await self._take(step, index)
            await self._watch(index, phase)

    def _no_further_when_turned(self) -> None:
        """The walk is cancelled when the rollout turns back. An activity that has ended in the very same moment gives
        its result instead, and the cancellation is gone: so the walk looks for itself before it goes on."""
        if self._turn_back is not None:
            raise asyncio.CancelledError

    async def _wait_for_approval(self, index: int, phase: Phase) -> None:
        self._approved = False
        await self._record(ev.ApprovalRequested(index, phase.name))
        await workflow.wait_condition(lambda: self._approved)

    async def _take(self, step: Step, index: int, restoring: bool = False) -> None:
        """One step forward. A driver that fails holds the rollout; then the plan's policy decides."""
        deadline = workflow.now() + timedelta(seconds=self._plan.hold.deadline_s)
        call = self._steps.next_call()
        while (error := await self._steps.attempt(step, call, restoring=restoring)) is not None:
            self._no_further_when_turned()
            if not step.patient and not isinstance(error, Unanswered):
                raise TurnBack(f"{step.target}: {error.removeprefix(f'{step.target}: ')}")
            if self._state.status is not Status.HELD:
                await self._record(ev.StepFailed(step.target, error, "held; tried again until the hold's deadline"))
                await self._record(ev.Held(index, f"{step.target} does not do its work: {error}"))
            if workflow.now() >= deadline and not self._state.needs_person:
                await self._hold_is_over(index, f"{step.target} still fails: {error}")
            await asyncio.sleep(STEP_RETRY_S)
        if self._state.status is Status.HELD:
            await self._record(ev.HoldCleared(index, f"{step.target} works again"))

    async def _watch(self, index: int, phase: Phase) -> None:
        """Until the judge or a person passes the phase. Raises TurnBack when the judge says so."""
        self._promoted_by_person = self._resigned = False  # first: a person may promote as soon as the record says so
        self._restored, self._going_on = 0, False
        await self._record(ev.WatchStarted(index, phase.watch_s))
        await self._hold_for_trouble(index)
        while not self._promoted_by_person:
            self._no_further_when_turned()
            if self._going_on:
                await self._put_right(index)
            verdict = await self._watch_until_something_changes(index)
            if verdict is None:
                continue
            if verdict.action is Action.ROLLBACK:
                if not verdict.outage:
                    raise TurnBack(verdict.reason, verdict)
                await self._choose_least_bad(index, f"{verdict.reason}; but {verdict.outage}", verdict)
                continue
            if verdict.action is Action.PROMOTE:
                await self._record(ev.PhasePassed(index, phase.name, verdict))
                return
            if verdict.action is Action.WATCH and verdict.drifted:
                await self._set_again(index, verdict)
                continue
            if verdict.action is Action.HOLD and self._state.status is Status.WATCHING:
                await self._record(ev.Held(index, verdict.reason, verdict))
            if verdict.overdue and not self._state.needs_person:
                await self._ask(index, verdict.reason)
            elif verdict.action is Action.WATCH and self._state.status is Status.HELD:
                await self._record(ev.HoldCleared(index, "what was unclear has cleared"))
        await self._put_right(index)

    async def _set_again(self, index: int, verdict: Verdict) -> None:
        """A splitter has lost its weight. One that goes on losing it is a case for a person."""
        self._restored += 1
        if self._restored > MOST_RESTORES:
            why = f"{verdict.reason}, for the {self._restored}th time in this phase"
            if self._state.status is Status.WATCHING:
                await self._record(ev.Held(index, why, verdict))
            if not self._state.needs_person:
                await self._ask(index, why)
            return
        steps = underway.in_force(self._plan, index)
        for one in verdict.drifted:
            await self._record(ev.WeightDrifted(index, one.target, one.reason))
            error = await self._steps.attempt(steps[one.target], restoring=True)
            if error is not None:
                await self._record(ev.StepFailed(one.target, error, "tried again at the next tick"))

    async def _put_right(self, index: int) -> None:
        """A person has said: go on. With the rollout's weights, then, not with what somebody has made of them."""
        self._going_on, self._restored = False, 0
        steps = underway.in_force(self._plan, index)
        for target in await asking.astray(self._start.rollout, self._plan, index):
            await self._take(steps[target], index, restoring=True)

    async def _watch_until_something_changes(self, index: int) -> Verdict | None:
        """The verdict that ended the watch, or None when a command or a deadline did."""
        by_person = self._state.status is Status.PAUSED or self._held_by_person or self._resigned
        task = WatchTask(
            rollout=self._start.rollout,
            phase=index,
            counted=not by_person,
            held=self._state.status is Status.HELD,
            asked=self._state.needs_person,
            resigned=self._resigned,
            given_up=self._restored > MOST_RESTORES,
        )
        watch = workflow.start_activity(
            "watch",
            task,
            result_type=Verdict,
            start_to_close_timeout=timedelta(days=30),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=FOREVER,
        )
        self._nudged = False
        limit = None
        if by_person and not self._state.needs_person:
            limit = PAUSE_REMINDER_S if self._state.status is Status.PAUSED else self._plan.hold.deadline_s
        try:
            await workflow.wait_condition(lambda: watch.done() or self._nudged, timeout=limit)
        except TimeoutError:
            watch.cancel()
            await self._person_was_slow(index)
            return None
        except asyncio.CancelledError:
            watch.cancel()
            raise
        if watch.done():
            verdict: Verdict = await watch
            return verdict
        watch.cancel()
        return None

    async def _person_was_slow(self, index: int) -> None:
        if self._state.status is Status.PAUSED:
            await self._ask(index, "paused for hours: resume, promote or roll back")
        else:
            await self._hold_is_over(index, "held by a person")

    async def _hold_is_over(self, index: int, why: str) -> None:
        if self._plan.hold.then == "rollback":
            minutes = self._plan.hold.deadline_s / 60
            why = f"{why}; not cleared within {minutes:g} min, so the plan says roll back"
            outage = await asking.reason("outlook", self._start.rollout, index)
            if not outage:
                raise TurnBack(why)
            await self._choose_least_bad(index, f"{why}; but {outage}")
            return
        await self._ask(index, why)

    async def _choose_least_bad(self, index: int, why: str, verdict: Verdict | None = None) -> None:
        """Going back by itself would bring the outage back: what the plan says instead, until a person decides."""
        back = self._plan.rollback
        self._resigned = True
        await self._record(ev.LeastBadChosen(index, back.least_bad, why, verdict))
        if back.least_bad == "flag-off" and back.feature is not None:
            error = await self._steps.attempt(back.feature, forward=False)
            if error is not None:
                await self._record(ev.StepFailed(back.feature.target, error, "the feature is still on"))
        await self._ask(index, f"{why}. {LEAST_BAD[back.least_bad]}")

    async def _ask(self, index: int, why: str) -> None:
        rollout = self._start.rollout
        choices = f"`pilotage promote {rollout}`, `pilotage resume {rollout}` or `pilotage rollback {rollout}`"
        await self._record(ev.PersonNeeded(index, f"{why}. Decide: {choices}"))

    async def _roll_back(self, why: TurnBack) -> None:
        """Act first, tell in the same breath; keep trying until the splitter itself says it is back."""
        began = workflow.now()
        telling = self._record(ev.RollbackStarted(self._state.phase, why.reason, why.verdict), by=self._turned_by)
        ways = underway.ways_back(self._plan, self._state.phase)
        going = go_back(ways, self._try_back, self._way_failed, self._barred)
        _, gone = await asyncio.gather(telling, going)
        took = (workflow.now() - began).total_seconds()
        await self._record(ev.RolledBack(why.reason, took, gone.way.method), by=self._turned_by)
        await asyncio.gather(*gone.rest)

    async def _try_back(self, step: Step) -> str | None:
        return await self._steps.attempt(step, forward=False)

    async def _barred(self, way: Way) -> str:
        """By itself Pilotage sends nobody to something that is gone; a person who orders it is not kept waiting."""
        if self._ordered or way.method not in ("traffic", "switch") or self._plan.rollback.probe is None:
            return ""
        return await asking.reason("probe_target", self._start.rollout, self._state.phase)

    async def _way_failed(self, way: Way, step: Step, error: str) -> None:
        """Each failure that is new is told, and somebody is paged at the first."""
        if self._failures.get((way.method, step.target)) == error:
            return
        self._failures[way.method, step.target] = error
        more = len(self._plan.rollback.ways) > 1
        will = "the rollback goes on trying" + (", and takes the next way" if more else "")
        await self._record(ev.StepFailed(step.target, error, will))
        if not self._state.needs_person:
            await self._record(ev.PersonNeeded(self._state.phase, f"rollback of {step.target} fails: {error}"))
