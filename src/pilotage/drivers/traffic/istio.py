"""Istio: the weights of two destinations in the routes of a VirtualService. A change is one patch."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.drivers.kubernetes.changing import Edit, change
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import NAME
from pilotage.drivers.kubernetes.splitting import State
from pilotage.drivers.kubernetes.virtualservices import Destination, VirtualService
from pilotage.drivers.weights import check_weight

_KIND = Kind("networking.istio.io", "v1", "VirtualService", "virtualservices")
_DESTINATION = r"^[\w.*-]+(/[\w.-]+)?$"


class IstioTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"header"})

    class Options(ClusterOptions):
        virtual_service: str = Field(pattern=NAME, description="the VirtualService's name")
        canary: str = Field(pattern=_DESTINATION, description="the new version's subset or host, or `host/subset`")
        stable: str = Field(pattern=_DESTINATION, description="the present version's, in the same routes")
        route: str | int | None = Field(
            default=None,
            description="the name or place (from 0) of the only http route to change; without: all with both",
        )

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable are two destinations; they are the same")
            if isinstance(self.route, int) and self.route < 0:
                raise ValueError("route is a name, or a place counted from 0")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._cluster = Cluster(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        if not 0 <= call.mirror <= 100:
            raise PermanentError(f"expected 0 to 100 % of the requests to be copied, got {call.mirror:g}")
        wanted, who = State(weight, call.cohort, call.mirror), await self._who()

        def edit(found: Object) -> Edit:
            return self._service(found, who).edit(wanted)

        name = self._options.virtual_service
        changed = await change(self._cluster, _KIND, name, call, edit, VirtualService.parts)
        now = self._service(changed, who)
        if not now.is_at(wanted):
            raise TemporaryError(f"{who} has {now.state().weight:g} % where {weight:g} % was set: something changes it")
        return now.state().weight

    async def read_weight(self) -> float:
        return (await self._state()).weight

    async def read_cohort(self) -> Cohort | None:
        return (await self._state()).cohort

    async def read_mirror(self) -> float:
        return (await self._state()).mirror

    async def probe(self) -> str:
        found = self._service(await self._cluster.get(_KIND, self._options.virtual_service), await self._who())
        found.check_alone()
        state = found.state()
        await self._cluster.check_right("patch", _KIND, self._options.virtual_service)
        return f"{await self._who()} has {state.weight:g} %"

    async def close(self) -> None:
        await self._cluster.close()

    async def _state(self) -> State:
        return self._service(await self._cluster.get(_KIND, self._options.virtual_service), await self._who()).state()

    def _service(self, found: Object, who: str) -> VirtualService:
        options = self._options
        return VirtualService(found, who, Destination(options.canary), Destination(options.stable), options.route)

    async def _who(self) -> str:
        name, namespace = self._options.virtual_service, await self._cluster.namespace()
        return f"{await self._cluster.who()}: the VirtualService {name} in the namespace {namespace}"
