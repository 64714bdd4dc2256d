"""What people say to a running rollout: each command is carried out, and its answer says what came of it.

As deterministic as the runbook it belongs to (workflow.py).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pilotage.core import events as ev
    from pilotage.core.errors import Refused
    from pilotage.core.state import Command, RolloutState, Status, check_command
    from pilotage.engine import Announcement, Noted, Order, Outcome, Start
    from pilotage.engine.ledger import Ledger
    from pilotage.engine.steps import TurnBack

ANSWER_S = 30.0


class Orders:
    """The commands, and what they leave for the runbook to see."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._plan = start.plan
        self._ledger = Ledger(start.rollout, RolloutState(phase=start.first_phase, next_number=start.next_number))
        self._record = self._ledger.record
        self._turn_back: TurnBack | None = None
        self._turned_by = "pilotage"
        self._ordered = False
        self._nudged = False
        self._approved = False
        self._promoted_by_person = False
        self._held_by_person = False
        self._resigned = False
        self._going_on = False
        self._troubles: dict[int, int] = {}

    @property
    def _state(self) -> RolloutState:
        return self._ledger.state

    @abstractmethod
    async def _ask(self, index: int, why: str) -> None:
        """A person is needed."""

    @workflow.update(name="command")
    async def command(self, order: Order) -> Outcome:
        phase = self._state.phase
        match order.command:
            case Command.ROLLBACK:
                return await self._answer_rollback(order)
            case Command.APPROVE:
                self._approved = True
                await self._record(ev.Approved(phase, order.reason), by=order.by)
                await workflow.wait_condition(lambda: self._state.status is not Status.AWAITING_APPROVAL)
            case Command.PAUSE:
                await self._change(ev.Paused(phase, order.reason), order, held=False)
            case Command.HOLD:
                await self._change(ev.Held(phase, order.reason or f"held by {order.by}"), order, held=True)
            case Command.RESUME:
                self._going_on = True
                await self._change(ev.Resumed(phase, order.reason), order, held=False)
            case Command.REPORT_TROUBLE:
                self._troubles[phase] = self._troubles.get(phase, 0) + 1
                await self._record(ev.TroubleReported(phase, order.reason), by=order.by)
                await self._hold_for_trouble(phase)
                said = f"noted, {self._troubles[phase]} in this phase; the rollout is {self._state.status}"
                return Outcome(self._state.status, True, said)
            case Command.PROMOTE:
                self._promoted_by_person = True
                await self._change(ev.PromotionForced(phase, order.reason), order, held=False)
                if not await self._soon(lambda: self._has_left(phase)):
                    return Outcome(self._state.status, False, f"not promoted yet: {self._state.reason}")
        return Outcome(self._state.status, True, f"{order.command}: the rollout is {self._state.status}")

    @command.validator
    def _check(self, order: Order) -> None:
        try:
            check_command(self._state.status, order.command)
            if order.command is Command.APPROVE and order.phase not in (None, self._state.asked_phase):
                raise Refused("this approval is for another phase than the one that waits now")
        except Refused as refusal:
            raise ApplicationError(str(refusal), type="Refused", non_retryable=True) from None

    @workflow.update(name="announce")
    async def announce(self, said: Announcement) -> None:
        await self._record(ev.Announced(said.text, said.audience), by=said.by)

    @workflow.update(name="note_direct")
    async def note_direct(self, noted: Noted) -> None:
        """Sent back without us: that is recorded, and what still goes on turns back."""
        await self._record(noted.event, by=noted.by)
        if self._turn_back is None and not self._state.status.ended:
            self._turned_by = noted.by
            self._turn_back = TurnBack(f"rolled back directly by {noted.by}: {noted.event.reason}".rstrip(": "))

    async def _change(self, event: ev.Event, order: Order, held: bool) -> None:
        self._held_by_person = held
        self._resigned = False
        await self._record(event, by=order.by)
        self._nudged = True

    async def _hold_for_trouble(self, phase: int) -> None:
        """Users feel what no metric shows: enough of their reports hold the rollout until a person decides."""
        count = self._troubles.get(phase, 0)
        if count < self._plan.hold.reports or self._state.needs_person or self._state.phase != phase:
            return
        why = f"{count} reports from users in this phase that it is worse"
        if self._state.status in (Status.WATCHING, Status.PAUSED):
            self._held_by_person = True
            await self._record(ev.Held(phase, why))
        if self._state.status is Status.HELD:
            await self._ask(phase, why)
            self._nudged = True

    async def _answer_rollback(self, order: Order) -> Outcome:
        if self._state.status is Status.ROLLED_BACK:
            return Outcome(Status.ROLLED_BACK, True, "already rolled back")
        self._ordered = True  # also while it goes back by itself: then nothing bars a way any more
        if self._turn_back is None:
            self._turned_by = order.by
            self._turn_back = TurnBack(order.reason or f"asked for by {order.by}")
        if not await self._soon(lambda: self._state.status.ended):
            return Outcome(self._state.status, False, f"still rolling back: {self._state.reason}")
        if self._now() is not Status.ROLLED_BACK:
            return Outcome(self._state.status, False, f"came too late: the rollout is {self._state.status}")
        return Outcome(Status.ROLLED_BACK, True, f"rolled back: {self._plan.previous} has all traffic again")

    async def _soon(self, test: Callable[[], bool]) -> bool:
        """Whether it came true within the time a caller waits for an answer."""
        try:
            await workflow.wait_condition(test, timeout=ANSWER_S)
        except TimeoutError:
            return False
        return True

    def _has_left(self, phase: int) -> bool:
        status = self._state.status
        if status.ended or status in (Status.AWAITING_APPROVAL, Status.ROLLING_BACK):
            return True
        return self._state.phase > phase and status is not Status.SHIFTING

    def _now(self) -> Status:
        return self._state.status
