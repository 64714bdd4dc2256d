"""Flag services that give a feature to a share of the users: what their drivers have in common."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.looks import looks


def reason(context: Context, call: Call, weight: float) -> str:
    """For the service's own record of changes: one short line."""
    what = " ".join(one for one in (context.service, call.version) if one)
    return one_line(f"Pilotage: {what} at {weight:g} %", 200)


async def settled(read: Callable[[], Awaitable[float]], wanted: float, who: str, timeout_s: float) -> float:
    """What `read` answers as soon as it is `wanted`, both percent. Raises TemporaryError when it is not within
    `timeout_s`."""
    now = wanted
    async for _ in looks(timeout_s, 0.05):
        if math.isclose(now := await read(), wanted, abs_tol=1e-9):
            return now
    raise TemporaryError(f"{who} has {now:g} % where {wanted:g} % was set: has somebody else set it meanwhile?")
