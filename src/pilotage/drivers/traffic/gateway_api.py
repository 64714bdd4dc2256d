"""The Kubernetes Gateway API: the weights of the backends in the rules of an HTTPRoute or a GRPCRoute.

A change is one patch. It is in force when the Gateway's controller notes in the route's status that it has seen it.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.drivers.kubernetes.acceptance import Acceptance
from pilotage.drivers.kubernetes.changing import Edit, change
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import NAME
from pilotage.drivers.kubernetes.routes import Route, Service
from pilotage.drivers.kubernetes.splitting import State
from pilotage.drivers.looks import looks
from pilotage.drivers.weights import check_weight

_GROUP = "gateway.networking.k8s.io"
_KINDS = {
    "HTTPRoute": Kind(_GROUP, "v1", "HTTPRoute", "httproutes"),
    "GRPCRoute": Kind(_GROUP, "v1", "GRPCRoute", "grpcroutes"),
}
_BACKEND = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(:\d{1,5})?$"


class GatewayApiTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"header"})

    class Options(ClusterOptions):
        route: str = Field(pattern=NAME, description="the route's name")
        kind: Literal["HTTPRoute", "GRPCRoute"] = Field(default="HTTPRoute", description="what kind of route it is")
        canary: str = Field(pattern=_BACKEND, description="the new version's Service, `name` or `name:port`")
        stable: str = Field(pattern=_BACKEND, description="the present version's Service, in the same rules")
        rule: str | int | None = Field(
            default=None, description="the name or place (from 0) of the only rule to change; without: all with both"
        )
        wait: bool = Field(
            default=True, description="false where no controller notes in the route's status what it has seen"
        )

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if Service.of(self.canary) == Service.of(self.stable):
                raise ValueError("canary and stable are two backends; they are the same")
            if isinstance(self.rule, int) and self.rule < 0:
                raise ValueError("rule is a name, or a place counted from 0")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._kind = _KINDS[options.kind]
        self._cluster = Cluster(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        if not 0 <= call.mirror <= 100:
            raise PermanentError(f"expected 0 to 100 % of the requests to be copied, got {call.mirror:g}")
        wanted, who = State(weight, call.cohort, round(call.mirror, 2)), await self._who()

        def edit(found: Object) -> Edit:
            if weight or call.mirror or call.cohort:  # going back must not depend on it
                self._check_ready(found, who)
            return self._route(found, who).edit(wanted)

        route = await change(self._cluster, self._kind, self._options.route, call, edit, Route.parts)
        if self._options.wait:
            route = await self._seen(route, call.timeout_s)
            if weight:  # one that is accepted no more sends nothing to the canary
                self._check_ready(route, who)
        if not self._route(route, who).is_at(wanted):
            now = self._route(route, who).state()
            raise TemporaryError(f"{who} has {now.weight:g} % where {weight:g} % was set: somebody else set it")
        return self._route(route, who).state().weight

    async def read_weight(self) -> float:
        return (await self._state()).weight

    async def read_cohort(self) -> Cohort | None:
        return (await self._state()).cohort

    async def read_mirror(self) -> float:
        return (await self._state()).mirror

    async def probe(self) -> str:
        found, who = await self._cluster.get(self._kind, self._options.route), await self._who()
        self._route(found, who).check_alone()
        state = self._route(found, who).state()
        served = self._check_ready(found, who)
        await self._cluster.check_right("patch", self._kind, self._options.route)
        return f"{who} has {state.weight:g} %, served by {listed(served) or 'nobody who says so'}"

    async def close(self) -> None:
        await self._cluster.close()

    async def _state(self) -> State:
        found = await self._cluster.get(self._kind, self._options.route)
        return self._route(found, await self._who()).state()

    async def _seen(self, route: Object, timeout_s: float) -> Object:
        """The route when every controller that serves it has seen it as it is now."""
        who, generation = await self._who(), route["metadata"].get("generation", 0)
        async for _ in looks(timeout_s, 0.02):
            acceptance = Acceptance(route, who)
            acceptance.check_served()
            if not (behind := acceptance.behind()):
                return route
            route = await self._cluster.get(self._kind, self._options.route, within_s=timeout_s)
        raise TemporaryError(
            f"{who} is changed (generation {generation}), but {listed(behind)} has not noted within {timeout_s:g} s "
            "that it has seen that: is the controller running, and what does its log say?"
        )

    def _check_ready(self, found: Object, who: str) -> list[str]:
        """Returns the controllers that serve the route."""
        acceptance = Acceptance(found, who)
        if self._options.wait:
            acceptance.check_served()
            acceptance.check_accepted()
            acceptance.check_backends()
        return acceptance.controllers

    def _route(self, found: Object, who: str) -> Route:
        options = self._options
        return Route(found, who, Service.of(options.canary), Service.of(options.stable), options.rule)

    async def _who(self) -> str:
        namespace = await self._cluster.namespace()
        return (
            f"{await self._cluster.who()}: the {self._options.kind} {self._options.route} in the namespace {namespace}"
        )
