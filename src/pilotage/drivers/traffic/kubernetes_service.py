"""A Kubernetes Service's selector: all of its traffic goes to the pods of one colour. Blue-green; it knows no shares.

A switch has come to its end when the Service's EndpointSlices name pods of the new colour only.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind, workloads
from pilotage.drivers.kubernetes.changing import Edit, change
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import LABEL
from pilotage.drivers.looks import looks
from pilotage.drivers.weights import check_weight

SERVICE = Kind("", "v1", "Service", "services")
SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
_VALUE = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
_KEY = rf"^([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{_VALUE[1:]}"


class KubernetesServiceTraffic:
    class Options(ClusterOptions):
        service: str = Field(pattern=LABEL, description="the Service's name")
        label: str = Field(default="track", pattern=_KEY, description="the label of its selector that tells them apart")
        canary: str = Field(pattern=_VALUE, description="the label's value on the new version's pods, such as green")
        stable: str = Field(pattern=_VALUE, description="its value on the present version's, such as blue")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable are two values of the label; they are the same")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._cluster = Cluster(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        what = await self._what()
        if weight not in (0, 100):
            raise PermanentError(f"{what} sends all or nothing: {weight:g} % cannot be set. Use strategy: blue-green")
        wanted = self._options.canary if weight else self._options.stable
        if weight:  # going back must not depend on it
            await self._check_ready(wanted, what)

        def edit(found: Object) -> Edit:
            if self._weight(found, what) == weight:
                return Edit([])
            path = f"/spec/selector/{self._options.label.replace('~', '~0').replace('/', '~1')}"
            return Edit([{"op": "replace", "path": path, "value": wanted}])

        await change(self._cluster, SERVICE, self._options.service, call, edit, lambda found: _selector(found))
        now = await self._settled(what, call.timeout_s)
        if now != weight:
            raise TemporaryError(f"{what} was changed, and somebody else has changed it back")
        return now

    async def nearest(self, weight: float) -> float:
        check_weight(weight)
        return 100.0 if weight >= 50 else 0.0

    async def read_weight(self) -> float:
        found = await self._cluster.get(SERVICE, self._options.service)
        return self._weight(found, await self._what())

    async def probe(self) -> str:
        what, options = await self._what(), self._options
        weight = await self.read_weight()
        await self._cluster.check_right("patch", SERVICE, options.service)
        ready = {value: len(await self._ready_pods(value, what)) for value in (options.canary, options.stable)}
        counts = ", ".join(f"{count} pods of {value}" for value, count in ready.items())
        await self._serving()
        return f"{what} sends all to {options.canary if weight else options.stable} (ready: {counts})"

    async def close(self) -> None:
        await self._cluster.close()

    def _weight(self, found: Object, what: str) -> float:
        options = self._options
        value = _selector(found).get(options.label)
        if value == options.canary:
            return 100.0
        if value == options.stable:
            return 0.0
        got = f"{options.label}={one_line(str(value), 60)}" if value is not None else f"no label {options.label}"
        raise PermanentError(
            f"{what} has {got} in its selector; expected {options.label}={options.stable} or {options.canary}"
        )

    async def _check_ready(self, value: str, what: str) -> None:
        if not await self._ready_pods(value, what):
            raise PermanentError(
                f"{what} would send everything to nobody: no pod with {self._options.label}={value} is ready"
            )

    async def _ready_pods(self, value: str, what: str) -> set[str]:
        """The pods that the Service would find with this value."""
        found = await self._cluster.get(SERVICE, self._options.service)
        self._weight(found, what)
        labels = {**_selector(found), self._options.label: value}
        pods = await self._cluster.list(workloads.POD, labels=labels)
        return {str(pod["metadata"].get("name")) for pod in pods if workloads.ready(pod) and not workloads.leaving(pod)}

    async def _settled(self, what: str, timeout_s: float) -> float:
        """The weight when those who get requests are of the colour that the selector names."""
        strangers: set[str] = set()
        async for _ in looks(timeout_s, 0.02):
            weight = await self.read_weight()
            value = self._options.canary if weight else self._options.stable
            pods = await self._cluster.list(workloads.POD, labels={self._options.label: value})
            strangers = await self._serving() - {str(pod["metadata"].get("name")) for pod in pods}
            if not strangers:
                return weight
        raise TemporaryError(
            f"{what} is changed, but after {timeout_s:g} s its EndpointSlices still name {len(strangers)} other pods: "
            "is the controller manager running?"
        )

    async def _serving(self) -> set[str]:
        """The pods that the Service's EndpointSlices send requests to."""
        labels = {"kubernetes.io/service-name": self._options.service}
        found = set()
        for one in await self._cluster.list(SLICE, labels=labels):
            rows = one.get("endpoints")
            for end in rows if isinstance(rows, list) else []:
                target, conditions = workloads.part(end, "targetRef"), workloads.part(end, "conditions")
                if target.get("kind") == "Pod" and conditions.get("ready") is not False:
                    found.add(str(target.get("name")))
        return found

    async def _what(self) -> str:
        return f"the Service {self._options.service} in the namespace {await self._cluster.namespace()}"


def _selector(found: Object) -> dict[str, str]:
    selector = workloads.part(workloads.part(found, "spec"), "selector")
    return {str(name): str(value) for name, value in selector.items()}
