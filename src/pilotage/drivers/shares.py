"""A service that keeps the canary's share as a percentage: in its own steps, and brought there where it is another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pilotage.core.errors import PermanentError
from pilotage.drivers.flags import settled


@dataclass(frozen=True)
class Share:
    """The percent set for the canary; `off` says why nobody gets it all the same (a clause such as "is off in
    production"), and is empty when it counts."""

    percent: float
    off: str = ""

    @property
    def in_force(self) -> float:
        return 0.0 if self.off else self.percent


async def bring(
    wanted: float,
    look: Callable[[], Awaitable[Share]],
    change: Callable[[], Awaitable[None]],
    what: str,
    timeout_s: float,
) -> float:
    """Changes the share unless it is so already, then looks until it is; returns the one in force.

    `what` names its object, in errors. What is off gets no share above 0; 0 is set nevertheless, so that it is still 0
    when somebody switches it on.
    """
    now = await look()
    if now.off and wanted > 0:
        raise PermanentError(f"{what} {now.off}: {wanted:g} % would reach nobody. Switch it on before the rollout")
    if now.percent == wanted:
        return now.in_force
    await change()

    async def percent() -> float:
        nonlocal now
        now = await look()
        return now.percent

    await settled(percent, wanted, what, timeout_s)
    return now.in_force
