"""To look again and again until something is as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

LONGEST_PAUSE_S = 0.25


async def looks(timeout_s: float, pause_s: float = 0.005, longest_s: float = LONGEST_PAUSE_S) -> AsyncIterator[None]:
    """One turn at once and further ones after growing pauses, until one has come to its end after `timeout_s`::

    async for _ in looks(call.timeout_s):
        if (now := await self.read_weight()) == wanted:
            return now
    raise TemporaryError(...)
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while True:
        yield
        if loop.time() > deadline:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, longest_s)
