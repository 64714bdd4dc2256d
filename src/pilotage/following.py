"""A loop that looks again and again at what is to be told, whatever one look may come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress

import structlog

from pilotage.core.redact import redact

log = structlog.get_logger()

MOST_SAID = 300


async def look_again(
    what: str, look: Callable[[], Awaitable[None]], every_s: float, sleep: Callable[[float], Awaitable[None]]
) -> None:
    """Until cancelled. A look that fails - a full disk, a locked database - is tried again at its time."""
    while True:
        try:
            await look()
        except Exception as error:
            said = redact(f"{type(error).__name__}: {error}")[:MOST_SAID]
            log.error(f"{what} could not be looked at; will try again", error=said)
        await sleep(every_s)


class AtWork:
    """What goes on beside the looks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def rest(self) -> None:
        """Waits until all of it has come to an end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def end(self) -> None:
        """Cancels what still goes on."""
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
