"""Two plain Deployments behind one Service: the canary gets its share of the pods, and with them of the requests.

The growing side first: its new pods are ready before the other's go. Coarse, and as slow as pods start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
_ENOUGH_TO_GO_BACK = 0.75
"""Of the present version's pods: then the canary's go. As many as Kubernetes keeps of a Deployment that it updates."""


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
        now = await self._wanted()
        wanted = self._numbers(now, nearest)
        for name in sorted(wanted, key=lambda one: wanted[one] <= now[one]):  # the growing side first
            scaled = await self._scale(name, wanted[name], call)
            enough = math.ceil(wanted[name] * _ENOUGH_TO_GO_BACK) if weight == 0 else wanted[name]
            await self._ready(scaled, wanted[name], enough)
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
        if (there := sum(now.values())) > options.replicas:
            raise PermanentError(
                f"{options.canary} and {options.stable} have {there} pods together, more than `replicas` "
                f"({options.replicas}): a shift would take the others away. Raise `replicas`, and take an autoscaler "
                "off both"
            )
        for name in now:
            await self._cluster.check_right("patch", _DEPLOYMENT, name)
        return f"{options.canary} has {now[options.canary]} pods, {options.stable} {now[options.stable]}"

    async def close(self) -> None:
        await self._cluster.close()

    def _numbers(self, now: Mapping[str, int], percent: float) -> dict[str, int]:
        """By Deployment. Where the share needs none to go, those that are more than `replicas` stay: somebody wanted
        them, such as an autoscaler."""
        options, there = self._options, sum(now.values())
        canary = round(options.replicas * percent / 100)
        wanted = {options.canary: canary, options.stable: options.replicas - canary}
        is_so = there > 0 and abs(now[options.canary] / there * 100 - percent) <= _CLOSE
        if percent in (0, 100) or is_so:
            return {name: max(count, now[name]) if count else 0 for name, count in wanted.items()}
        return wanted

    async def _wanted(self) -> dict[str, int]:
        names = (self._options.canary, self._options.stable)
        return {name: workloads.replicas(await self._cluster.get(_DEPLOYMENT, name)) for name in names}

    async def _scale(self, name: str, count: int, call: Call) -> Object:
        def edit(found: Object) -> Edit:
            same = workloads.replicas(found) == count
            return Edit([] if same else [{"op": "add", "path": "/spec/replicas", "value": count}])

        return await change(self._cluster, _DEPLOYMENT, name, call, edit, workloads.replicas)

    async def _ready(self, scaled: Object, count: int, enough: int) -> None:
        """Waits for the pods, or for `enough` of them. An API server that is away for a moment does not end that.

        Raises PermanentError with what keeps the pods; the other side has then not been touched.
        """
        name, found, lost = str(scaled["metadata"]["name"]), scaled, ""
        async for _ in looks(self._options.ready_within_s, _LOOK_EVERY_S):
            try:
                found, lost = await self._cluster.get(_DEPLOYMENT, name), ""
            except TemporaryError as error:
                lost = str(error)
                continue
            if workloads.replicas(found) != count:
                raise TemporaryError(f"{name} was scaled by somebody else while its pods were waited for")
            if not workloads.awaited(found) or enough <= workloads.available(found) < count:
                return
            if why := workloads.given_up(found, scaled):
                break
        else:
            if lost:
                raise TemporaryError(f"{name} was scaled, but whether its pods are ready is not known: {lost}")
            why = f"{workloads.awaited(found)} after {self._options.ready_within_s:g} s"
        pods = await self._cluster.list(workloads.POD, labels=workloads.labels(found, name))
        troubles = [f"{pod['metadata'].get('name')}: {said}" for pod in pods if (said := _trouble(pod))]
        told = "; ".join([one for one in [workloads.hindered(found), *troubles] if one][:3])
        raise PermanentError(f"{name}: {why}{f' ({told})' if told else ''}. The other Deployment keeps its pods")


def _trouble(pod: Object) -> str:
    return workloads.trouble(pod) or workloads.unscheduled(pod)
