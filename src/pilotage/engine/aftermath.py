"""What comes after a rollout, as the runbook tells it: what is done besides, the metrics come back, the follow-ups.

Before a long wait it begins anew with what is still open: histories stay short for weeks.
Deterministic: only `core` and workflow APIs here.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from pilotage.core import aftercare
    from pilotage.core import events as ev
    from pilotage.core.errors import Refused
    from pilotage.core.model import Step
    from pilotage.core.state import Status
    from pilotage.engine import Aftermath, Announcement, Noted, OpenItem, Settled
    from pilotage.engine.steps import STEP_WITHIN
    from pilotage.engine.tasks import AskTask, FollowUpTask, Seen, StepTask

FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=30)
)
PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
    maximum_attempts=8,
)
HEARTBEAT = timedelta(seconds=10)
LONG_WAIT_S = 3600.0
LONG = 30
"""Events of a history that is worth leaving behind."""
NEVER = 253_000_000_000.0
FIRST_CALL = 1_000_000
"""The driver calls of the aftermath stand above all of the rollout's."""


@workflow.defn(name="Aftermath")
class AftermathWorkflow:
    @workflow.init
    def __init__(self, start: Aftermath) -> None:
        self._start = start
        self._plan = start.plan
        self._items = {one.planned.id: one for one in start.items or ()}
        self._number = start.next_number
        self._woken = False
        self._writing = asyncio.Lock()

    # -------------------------------------------------------------- the runbook

    @workflow.run
    async def run(self, start: Aftermath) -> None:
        if start.items is None:
            if start.status is Status.ROLLED_BACK:
                await self._come_back()
            elif self._plan.release is not None and start.status is Status.PROMOTED:
                await self._release(self._plan.release.step)
            await self._plan_follow_ups()
        while self._items and self._now() < self._end_at():
            if self._next_at() - self._now() > LONG_WAIT_S and workflow.info().get_current_history_length() > LONG:
                await workflow.wait_condition(workflow.all_handlers_finished)
                left = tuple(self._items.values())
                workflow.continue_as_new(replace(start, next_number=self._number, items=left))
            await self._wait()
            await self._look_after_what_is_due()
        await self._end()
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _come_back(self) -> None:
        """After a rollback: whatever else the plan says, the metrics, the review's draft."""
        call = FIRST_CALL
        for way in self._plan.rollback.afterwards:
            for step in way.steps:
                call += 1
                if not await self._take(step, call):
                    break
        began = self._now()
        seen = await self._asked("confirm")
        took = self._now() - began
        back, doubt = ev.RecoveryConfirmed(seen.text, took, seen.sick), ev.RecoveryDoubtful(seen.text, took)
        await self._record(back if seen.holds else doubt)
        await self._record(ev.InvestigationOpened(await self._written("open_review")))

    async def _release(self, step: Step) -> None:
        """The old colour was kept warm until now; with the promotion nobody goes back to it any more."""
        if serves := await self._ask_why_not("old_colour_serves"):
            await self._record(ev.ReleaseFailed(step.target, self._plan.previous, serves))
            return
        done = await self._taken(step, FIRST_CALL, forward=True)
        if isinstance(done, str):
            await self._record(ev.ReleaseFailed(step.target, self._plan.previous, done))
        elif isinstance(done, ev.Deployed):
            await self._record(ev.Released(done.target, done.version, done.detail, done.took_s))

    async def _plan_follow_ups(self) -> None:
        rows = aftercare.planned(self._plan.preparation, self._start.status, self._start.ended_at)
        if rows:
            await self._record(ev.FollowUpsPlanned(rows))
        self._items |= {one.id: OpenItem(one, one.due_at) for one in rows}

    async def _wait(self) -> None:
        """Until the next item is due, or somebody has settled one."""
        self._woken = False
        try:
            await workflow.wait_condition(lambda: self._woken, timeout=max(0.0, self._next_at() - self._now()))
        except TimeoutError:
            return

    async def _look_after_what_is_due(self) -> None:
        for item in [one for one in self._items.values() if one.next_at <= self._now()]:
            kept = await self._look_after(item)
            if item.planned.id not in self._items:
                continue  # settled by a person meanwhile
            if kept is None:
                del self._items[item.planned.id]
            else:
                self._items[item.planned.id] = kept

    async def _look_after(self, item: OpenItem) -> OpenItem | None:
        """The item as it stays open; None when it is settled."""
        if item.planned.ticket:
            return await self._open_ticket(item)
        if item.planned.check and not item.failed:
            return await self._look(item)
        await self._record(ev.FollowUpDue(item.planned.id, item.planned.text, item.planned.who, item.times))
        again = aftercare.reminds_again(item.times + 1)
        return replace(item, next_at=self._later(again), times=item.times + 1)

    async def _look(self, item: OpenItem) -> OpenItem | None:
        """What does not hold is told at once; what cannot be seen is looked at again first."""
        planned = item.planned
        seen = await self._seen(planned.id)
        if planned.id not in self._items:
            return None
        if seen.holds:
            await self._record(ev.FollowUpDone(planned.id, planned.text, seen.text))
            return None
        again = aftercare.looks_again(item.times + 1)
        if seen.holds is None and again is not None:
            return replace(item, next_at=self._later(again), times=item.times + 1)
        await self._record(ev.FollowUpFailed(planned.id, planned.text, seen.text, planned.who))
        return replace(item, next_at=self._later(aftercare.REMIND_AGAIN_S), times=1, failed=True)

    async def _open_ticket(self, item: OpenItem) -> OpenItem | None:
        planned = item.planned
        try:
            where = await self._written("open_ticket", planned.id)
        except ActivityError as failure:
            reason = f"the ticket could not be opened: {failure.cause or failure}"
            await self._record(ev.FollowUpFailed(planned.id, planned.text, reason, planned.who))
            return replace(item, planned=replace(planned, ticket=False), next_at=self._later(86400.0), failed=True)
        await self._record(ev.TicketOpened(planned.id, planned.text, where))
        await self._record(ev.FollowUpDone(planned.id, planned.text, f"handed over to {where}"))
        return None

    # -------------------------------------------------------------- people

    @workflow.update(name="settle")
    async def settle(self, settled: Settled) -> str:
        item = self._items.pop(settled.item)
        await self._record(ev.FollowUpDone(item.planned.id, item.planned.text, settled.note), settled.by)
        self._woken = True
        left = len(self._items)
        return f"{settled.item} is done; " + ("nothing is left" if not left else f"{left} still open")

    @settle.validator
    def _check(self, settled: Settled) -> None:
        if settled.item not in self._items:
            names = ", ".join(self._items) or "none"
            refusal = Refused(f"there is no open follow-up {settled.item!r} of {self._start.rollout}. Open: {names}.")
            raise ApplicationError(str(refusal), type="Refused", non_retryable=True)

    @workflow.update(name="announce")
    async def announce(self, said: Announcement) -> None:
        await self._record(ev.Announced(said.text, said.audience), said.by)

    @workflow.update(name="note_direct")
    async def note_direct(self, noted: Noted) -> None:
        """Sent back directly after its end."""
        await self._record(noted.event, noted.by)

    # -------------------------------------------------------------- the world

    async def _take(self, step: Step, call: int) -> bool:
        done = await self._taken(step, call)
        if isinstance(done, str):
            will = "a person has to do it: nothing else keeps the version from coming back"
            await self._record(ev.StepFailed(step.target, done, will))
            reason = f"{step.target} fails after the rollback: {done}"
            await self._record(ev.PersonNeeded(len(self._plan.phases) - 1, reason))
            return False
        await self._record(done)
        return True

    async def _ask_why_not(self, activity: str) -> str:
        """A reason; also where nobody can tell."""
        try:
            said: str = await workflow.execute_activity(
                activity,
                AskTask(self._start.rollout),
                result_type=str,
                start_to_close_timeout=timedelta(minutes=1),
                retry_policy=PATIENT,
            )
        except ActivityError as failure:
            return f"it cannot be told whether it still gets traffic: {failure.cause or failure}"
        return said

    async def _taken(self, step: Step, call: int, forward: bool = False) -> ev.WeightSet | ev.Deployed | str:
        """What came of it; the error when it failed for good. A step `forward` is refused when somebody goes back."""
        task = StepTask(self._start.rollout, step, call, key=f"{self._start.rollout}/{call}", forward=forward)
        try:
            event: ev.WeightSet | ev.Deployed = await workflow.execute_activity(
                "take_step",
                task,
                result_type=ev.WeightSet if step.action == "set_weight" else ev.Deployed,
                start_to_close_timeout=STEP_WITHIN,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=PATIENT,
            )
        except ActivityError as failure:
            return str(failure.cause or failure)
        return event

    async def _asked(self, activity: str) -> Seen:
        seen: Seen = await workflow.execute_activity(
            activity,
            AskTask(self._start.rollout),
            result_type=Seen,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=FOREVER,
        )
        return seen

    async def _seen(self, item: str) -> Seen:
        seen: Seen = await workflow.execute_activity(
            "look_after",
            FollowUpTask(self._start.rollout, item, self._start.status),
            result_type=Seen,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=HEARTBEAT,
            retry_policy=FOREVER,
        )
        return seen

    async def _written(self, activity: str, item: str = "") -> str:
        """Where it is now. Raises ActivityError when it could not be written."""
        where: str = await workflow.execute_activity(
            activity,
            FollowUpTask(self._start.rollout, item, self._start.status),
            result_type=str,
            start_to_close_timeout=timedelta(minutes=2),
            retry_policy=PATIENT,
        )
        return where

    async def _record(self, event: ev.Event, by: str = "pilotage") -> None:
        """One after the other: a person's word may come while something is being written."""
        async with self._writing:
            recorded = ev.Recorded(self._start.rollout, self._number, self._now(), by, event)
            self._number += 1
            await workflow.execute_activity(
                "record", recorded, start_to_close_timeout=timedelta(seconds=10), retry_policy=FOREVER
            )

    async def _end(self) -> None:
        if self._items:
            await self._record(ev.AftermathEnded(f"left to people, and not repeated: {', '.join(self._items)}"))
        elif aftercare.planned(self._plan.preparation, self._start.status, self._start.ended_at):
            await self._record(ev.AftermathEnded("all follow-ups are done"))
        await workflow.execute_activity(
            "settle_rollout",
            self._start.rollout,
            start_to_close_timeout=timedelta(seconds=10),
            retry_policy=FOREVER,
        )

    def _now(self) -> float:
        return workflow.now().timestamp()

    def _next_at(self) -> float:
        return min([one.next_at for one in self._items.values()] + [self._end_at()])

    def _end_at(self) -> float:
        last = max((one.planned.due_at for one in self._items.values()), default=self._start.ended_at)
        return last + aftercare.KEPT_OPEN_S

    def _later(self, seconds: float | None) -> float:
        return NEVER if seconds is None else self._now() + seconds
