"""Signs of life of an activity that waits for something else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

BEAT_S = 1.0
"""A driver call that runs shows its life so often."""


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
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


def this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
