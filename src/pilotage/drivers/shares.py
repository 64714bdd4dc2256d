"""A service that keeps the canary's share as a percentage: in its own steps, and brought there where it is another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pilotage.core.errors import PermanentError
from pilotage.drivers.flags import settled


@dataclass(frozen=True)
class Share:
    """The percent set for the canary; `off` says why nobody gets it all the same (a clause such as "is off in
    production"), and is empty when it counts.

    Two sentences, empty as a rule: `given` says who gets the canary whatever the percent, also at 0; `hindrance` what
    else keeps a percent above 0 from being everybody's share, or from being set.
    """

    percent: float
    off: str = ""
    given: str = ""
    hindrance: str = ""

    @property
    def in_force(self) -> float:
        """Raises PermanentError when it is another one than everybody's."""
        now = 0.0 if self.off else self.percent
        if why := self.given or (self.hindrance if now else ""):
            raise PermanentError(why)
        return now

    def checked(self) -> Share:
        """Itself. Raises PermanentError when a rollout could not set what everybody gets."""
        if why := self.given or self.hindrance:
            raise PermanentError(why)
        return self


async def bring(
    wanted: float,
    look: Callable[[], Awaitable[Share]],
    change: Callable[[], Awaitable[None]],
    what: str,
    timeout_s: float,
) -> float:
    """Changes the share unless it is so already, then looks until it is; returns the one in force.

    `what` names its object, in errors. What is off gets no share above 0; 0 is set nevertheless, so that it is still 0
    when somebody switches it on. Nothing that only keeps others from a share keeps anybody from the way to 0; who has
    the canary there all the same is told once it is set.
    """
    now = await look()
    if wanted > 0:
        now.checked()
        if now.off:
            raise PermanentError(f"{what} {now.off}: {wanted:g} % would reach nobody. Switch it on before the rollout")
    if now.percent != wanted:
        await change()

        async def percent() -> float:
            nonlocal now
            now = await look()
            return now.percent

        await settled(percent, wanted, what, timeout_s)
    return now.in_force
