"""Two plain Deployments behind one Service: the canary gets its share of the pods, and with them of the requests.

The growing side first: its new pods are ready before the other's go. Coarse, and as slow as pods start.
"""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, workloads
from pilotage.drivers.kubernetes.changing import Edit, change
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import NAME
from pilotage.drivers.looks import looks
from pilotage.drivers.weights import check_weight

_DEPLOYMENT = workloads.KINDS["deployment"]
_LOOK_EVERY_S = 0.1
_CLOSE = 0.51
"""Percent points by which a share may be another one than was asked for: as the engine takes it."""


class KubernetesReplicasTraffic:
    class Options(ClusterOptions):
        canary: str = Field(pattern=NAME, description="the new version's Deployment")
        stable: str = Field(pattern=NAME, description="the present version's Deployment, behind the same Service")
        replicas: int = Field(ge=2, le=10_000, description="so many pods both have together")
        ready_within_s: float = Field(
            default=300.0, gt=0, le=43_200, description="new pods must be ready within so many seconds"
        )

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable are two Deployments; they are the same")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._cluster = Cluster(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        options = self._options
        nearest = await self.nearest(weight)
        if abs(nearest - weight) > _CLOSE:
            raise PermanentError(
                f"{weight:g} % of {options.replicas} pods cannot be had, the nearest is {nearest:g} %: change the "
                "phase, or raise `replicas`"
            )
        canary = round(options.replicas * nearest / 100)
        wanted = {options.canary: canary, options.stable: options.replicas - canary}
        now = await self._wanted()
        for name in sorted(wanted, key=lambda one: wanted[one] <= now[one]):  # the growing side first
            await self._scale(name, wanted[name], call)
            await self._ready(name, wanted[name])
        share = await self.read_weight()
        if abs(share - nearest) > _CLOSE:
            raise TemporaryError(
                f"{options.canary} has {share:g} % of the pods where {nearest:g} % was set: does a "
                "HorizontalPodAutoscaler scale them?"
            )
        return share

    async def nearest(self, weight: float) -> float:
        """Anything above nothing is one pod at least."""
        check_weight(weight)
        total = self._options.replicas
        pods = math.floor(total * weight / 100 + 0.5)
        return max(pods, 1 if weight else 0) / total * 100

    async def read_weight(self) -> float:
        """By the numbers that are wanted: a pod that is restarted is no shift."""
        now = await self._wanted()
        total = sum(now.values())
        if total == 0:
            raise PermanentError(
                f"{self._options.canary} and {self._options.stable} have no pod at all: nobody serves this"
            )
        return now[self._options.canary] / total * 100

    async def probe(self) -> str:
        options, now = self._options, await self._wanted()
        for name in now:
            await self._cluster.check_right("patch", _DEPLOYMENT, name)
        return f"{options.canary} has {now[options.canary]} pods, {options.stable} {now[options.stable]}"

    async def close(self) -> None:
        await self._cluster.close()

    async def _wanted(self) -> dict[str, int]:
        names = (self._options.canary, self._options.stable)
        return {name: workloads.replicas(await self._cluster.get(_DEPLOYMENT, name)) for name in names}

    async def _scale(self, name: str, count: int, call: Call) -> None:
        def edit(found: Object) -> Edit:
            same = workloads.replicas(found) == count
            return Edit([] if same else [{"op": "add", "path": "/spec/replicas", "value": count}])

        await change(self._cluster, _DEPLOYMENT, name, call, edit, workloads.replicas)

    async def _ready(self, name: str, count: int) -> None:
        """Raises PermanentError with what keeps the pods; the other side has then not been touched."""
        found: Object = {}
        async for _ in looks(self._options.ready_within_s, _LOOK_EVERY_S):
            found = await self._cluster.get(_DEPLOYMENT, name)
            if workloads.replicas(found) != count:
                raise TemporaryError(f"{name} was scaled by somebody else while its pods were waited for")
            if not workloads.awaited(found):
                return
            if why := workloads.given_up(found):
                break
        else:
            why = f"{workloads.awaited(found)} after {self._options.ready_within_s:g} s"
        pods = await self._cluster.list(workloads.POD, labels=workloads.labels(found, name))
        troubles = [f"{pod['metadata'].get('name')}: {said}" for pod in pods if (said := workloads.trouble(pod))]
        more = f" ({'; '.join(troubles[:3])})" if troubles else ""
        raise PermanentError(f"{name}: {why}{more}. The other Deployment keeps its pods")
