"""The record of a rollout, as its workflow writes it. Deterministic: only `core` and workflow APIs here."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from pilotage.core.events import Event, Recorded
from pilotage.core.state import RolloutState, apply

FOREVER = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2, maximum_interval=timedelta(seconds=5)
)
WRITTEN_WITHIN = timedelta(seconds=10)


class Ledger:
    """`state` is what the events so far amount to."""

    def __init__(self, rollout: str, state: RolloutState) -> None:
        self.state = state
        self._rollout = rollout
        self._writing: list[asyncio.Task[None]] = []

    async def record(self, event: Event, by: str = "pilotage") -> None:
        """Gives the event its number and writes it; a cancelled walk does not stop the writing."""
        recorded = Recorded(self._rollout, self.state.next_number, workflow.now().timestamp(), by, event)
        self.state = apply(self.state, recorded)
        writing = asyncio.create_task(self._write(recorded))
        self._writing.append(writing)
        await asyncio.shield(writing)
        self._writing.remove(writing)

    async def close(self) -> None:
        """Returns when all is written, and the rollout is known to have ended."""
        await asyncio.gather(*self._writing)
        await workflow.execute_activity(
            "end", self._rollout, start_to_close_timeout=WRITTEN_WITHIN, retry_policy=FOREVER
        )

    async def _write(self, recorded: Recorded) -> None:
        await workflow.execute_activity("record", recorded, start_to_close_timeout=WRITTEN_WITHIN, retry_policy=FOREVER)
