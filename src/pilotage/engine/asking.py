"""What a rollout's workflow asks before it decides. Deterministic: only `core` and workflow APIs here."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

from pilotage.core.model import Plan
from pilotage.core.underway import in_force
from pilotage.engine.steps import A_FEW_TIMES
from pilotage.engine.tasks import AskTask

REASON_WITHIN = timedelta(seconds=5)
ASTRAY_WITHIN = timedelta(seconds=30)
ONCE = RetryPolicy(maximum_attempts=1)


async def reason(activity: str, rollout: str, phase: int) -> str:
    """A reason, or nothing; also where nobody can tell in time."""
    try:
        said: str = await workflow.execute_activity(
            activity,
            AskTask(rollout, phase),
            result_type=str,
            schedule_to_close_timeout=REASON_WITHIN,
            retry_policy=ONCE,
        )
    except ActivityError as failure:
        _not_when_cancelled(failure)
        return ""
    return said


async def astray(rollout: str, plan: Plan, phase: int) -> list[str]:
    """Splitters that have another weight than the phase has set; all of them where nobody can tell in time."""
    try:
        found: list[str] = await workflow.execute_activity(
            "astray",
            AskTask(rollout, phase),
            result_type=list[str],
            schedule_to_close_timeout=ASTRAY_WITHIN,
            retry_policy=A_FEW_TIMES,
        )
    except ActivityError as failure:
        _not_when_cancelled(failure)
        return list(in_force(plan, phase))
    return found


def _not_when_cancelled(failure: ActivityError) -> None:
    if is_cancelled_exception(failure):
        raise asyncio.CancelledError from None
