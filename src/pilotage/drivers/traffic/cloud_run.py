"""Google Cloud Run: a service's traffic, shared between two of its revisions, and read back from what is in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.cloud_run import CloudRun, RunOptions, failure, targets
from pilotage.drivers.looks import looks
from pilotage.drivers.revisions import divided, percents, share, sides
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 1.0
_NAME = r"^[a-z][a-z0-9-]{0,62}$"


class CloudRunTraffic:
    class Options(RunOptions):
        canary: str = Field(pattern=_NAME, description="the new version's revision, by its name or its tag")
        stable: str = Field(pattern=_NAME, description="the present version's, by its name or its tag")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable as two revisions")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._run = CloudRun(options, context.directory)

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        percent = round(in_steps(weight, _STEP, "Cloud Run"))
        service = await self._run.look()
        parts = self._run.traffic(service)
        two = sides(parts, self._options.canary, self._options.stable, self._run.what)
        if percent:
            share(parts, two, self._run.what, self._run.advice(two.stable))
        wanted = divided(parts, two, percent, self._run.what)
        if percents(parts) != percents(wanted):
            await self._run.change(service, "traffic", {"traffic": targets(wanted)})
        async for _ in looks(call.timeout_s, 0.05, 1.0):
            service = await self._run.look()
            asked = percents(self._run.traffic(service)) == percents(wanted)
            if asked and percents(self._run.traffic(service, "trafficStatuses")) == percents(wanted):
                return self._share(service)
            if asked and not service.get("reconciling") and (why := failure(service)):
                raise PermanentError(f"{self._run.what} did not come to {percent} %: {why}")
        late = f"{self._run.what} has not come to {percent} % within {call.timeout_s:g} s: "
        if not asked:
            raise TemporaryError(late + "another share was asked for meanwhile. Does somebody else set it, too?")
        raise TemporaryError(late + "Cloud Run is still at it (reconciling). It may come into force later")

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "Cloud Run")

    async def read_weight(self) -> float:
        return self._share(await self._run.look())

    async def probe(self) -> str:
        return f"Cloud Run has {self._options.service} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    def _share(self, service: Mapping[str, Any]) -> float:
        """In force. Tags are those asked for: a service that has none in force yet has them already."""
        two = sides(self._run.traffic(service), self._options.canary, self._options.stable, self._run.what)
        now = self._run.traffic(service, "trafficStatuses") or self._run.traffic(service)
        return share(now, two, self._run.what, self._run.advice(two.stable))
