"""Azure Container Apps: an app's traffic weights, shared between two of its revisions, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.container_apps import AppOptions, ContainerApp, ingress
from pilotage.drivers.looks import looks
from pilotage.drivers.revisions import divided, percents, share, sides
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 1.0
_NAME = r"^[a-z][a-z0-9-]{0,63}$"
_ENDED = ("Failed", "Canceled")


class ContainerAppsTraffic:
    class Options(AppOptions):
        canary: str = Field(pattern=_NAME, description="the new version's revision, by its name or its label")
        stable: str = Field(pattern=_NAME, description="the present version's, by its name or its label")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable as two revisions")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._app = ContainerApp(options, context.directory)

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        percent = round(in_steps(weight, _STEP, "Container Apps"))
        asked, state, there = False, "", False
        async for _ in looks(call.timeout_s, 0.05, 1.0):
            app = await self._app.look()
            if percent:
                self._share(app)
            state, parts = app["provisioningState"], self._app.traffic(app)
            two = sides(parts, self._options.canary, self._options.stable, self._app.what)
            wanted = divided(parts, two, percent, self._app.what)
            there = percents(parts) == percents(wanted)
            if there and state == "Succeeded":
                return self._share(app)
            if asked and state in _ENDED:
                raise PermanentError(
                    f"{self._app.what} did not come to {percent} %: its provisioningState is {state}. Azure's activity "
                    "log of the app tells why"
                )
            if not asked and state != "InProgress":  # it takes one change at a time
                await self._app.change(ingress(wanted))
                asked, there, state = True, True, "InProgress"
        late = f"{self._app.what} has not come to {percent} % within {call.timeout_s:g} s: "
        if there:
            raise TemporaryError(late + f"Azure is still at it ({state}). It may come into force later")
        if not asked:
            raise TemporaryError(late + f"Azure is at another change of it all the time ({state})")
        raise TemporaryError(late + "it has another share now. Does somebody else set it, too?")

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "Container Apps")

    async def read_weight(self) -> float:
        return self._share(await self._app.look())

    async def probe(self) -> str:
        return f"Container Apps has {self._options.app} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    def _share(self, app: Mapping[str, Any]) -> float:
        options, parts = self._options, self._app.traffic(app)
        two = sides(parts, options.canary, options.stable, self._app.what)
        return share(parts, two, self._app.what, self._app.advice(two.stable))
