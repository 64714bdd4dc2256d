"""The steps of a rollout, as its workflow takes them. Deterministic: only `core` and workflow APIs here."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from pilotage.core.events import Deployed, WeightSet
from pilotage.core.model import Step, Verdict
from pilotage.core.underway import renewed_before, share_of
from pilotage.engine import Start
from pilotage.engine.ledger import Ledger
from pilotage.engine.tasks import StepTask

A_FEW_TIMES = RetryPolicy(initial_interval=timedelta(milliseconds=300), backoff_coefficient=2, maximum_attempts=3)
HEARTBEAT = timedelta(seconds=5)
STEP_WITHIN = timedelta(days=1)
"""Drivers keep to limits of their own, and a dead worker is noticed by its heartbeat: this is for what has neither."""


class Unanswered(str):
    """Nobody knows yet what came of a step: its worker died, or could not show its life. No failure of the driver's."""


class TurnBack(Exception):
    """The walk ends here: the traffic must go back."""

    def __init__(self, reason: str, verdict: Verdict | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.verdict = verdict


class Steps:
    """Every driver call of one rollout, each with a number that stands above the earlier ones'."""

    def __init__(self, start: Start, ledger: Ledger) -> None:
        self._start = start
        self._ledger = ledger
        self._calls = 1000 * start.next_number  # a restarted rollout's calls must stand above the first run's
        self._weights: dict[str, float] = {}
        self._renewed = renewed_before(start.plan, start.first_phase)

    def next_call(self) -> int:
        self._calls += 1
        return self._calls

    async def attempt(
        self, step: Step, call: int | None = None, forward: bool = True, restoring: bool = False
    ) -> str | None:
        """The error when the step did not succeed. One call number is one driver call, however often it is tried.

        A step forward raises TurnBack when somebody has gone back without us; `restoring` one expects nothing.
        """
        call = self.next_call() if call is None else call
        expected = None if restoring else self._weights.get(step.target)
        key = f"{self._start.rollout}/{call}"
        task = StepTask(self._start.rollout, step, call, key, forward=forward, expected=expected)
        try:
            event: WeightSet | Deployed = await workflow.execute_activity(
                "take_step",
                task,
                result_type=WeightSet if step.action == "set_weight" else Deployed,
                start_to_close_timeout=STEP_WITHIN,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=A_FEW_TIMES,
            )
        except ActivityError as failure:
            if is_cancelled_exception(failure):
                raise asyncio.CancelledError from None  # the walk was turned back: not a failure of the step
            if isinstance(failure.cause, ApplicationError) and failure.cause.type == "GoneBackDirectly":
                raise TurnBack(str(failure.cause)) from None
            said = str(failure.cause or failure)
            return said if isinstance(failure.cause, ApplicationError) else Unanswered(said)
        if isinstance(event, WeightSet):
            self._weights[event.target] = event.in_force
        else:
            renew = self._renewed.add if event.version == self._start.plan.version else self._renewed.discard
            renew(event.target)
            event = replace(event, share=share_of(self._start.plan, self._renewed))
        await self._ledger.record(event)
        return None
