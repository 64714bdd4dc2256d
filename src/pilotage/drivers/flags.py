"""Flag services that give a feature to a share of the users: what their drivers have in common."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.looks import looks

T = TypeVar("T")


def reason(context: Context, call: Call, weight: float) -> str:
    """For the service's own record of changes: one short line."""
    what = " ".join(one for one in (context.service, call.version) if one)
    return one_line(f"Pilotage: {what} at {weight:g} %", 200)


async def to_the_end(doing: Coroutine[Any, Any, T]) -> T:
    """Its result. Cancelled, it waits before the cancellation goes on: a request that is on its way could else land
    after what a later call has done. `doing` has a time limit of its own."""
    task = asyncio.ensure_future(doing)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # nobody hears of it: the call has been given up
        raise cancelled
    return task.result()


async def settled(read: Callable[[], Awaitable[float]], wanted: float, who: str, timeout_s: float) -> float:
    """What `read` answers as soon as it is `wanted`, both percent. Raises TemporaryError when it is not within
    `timeout_s`."""
    now = wanted
    async for _ in looks(timeout_s, 0.05):
        if math.isclose(now := await read(), wanted, abs_tol=1e-9):
            return now
    raise TemporaryError(f"{who} has {now:g} % where {wanted:g} % was set: has somebody else set it meanwhile?")
