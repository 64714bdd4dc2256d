"""Argo Rollouts: moves a Rollout to the step that holds a weight, aborts it for 0, promotes it fully for 100."""

from __future__ import annotations

from pydantic import Field

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.drivers.kubernetes.changing import SET_BY, Edit, change, notes
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import NAME
from pilotage.drivers.kubernetes.refusals import Conflict
from pilotage.drivers.kubernetes.rollouts import ArgoRollout
from pilotage.drivers.looks import looks
from pilotage.drivers.weights import check_weight

_ROLLOUT = Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts")
_STATUS = Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts", "status")


def _resume(found: Object) -> Edit:
    return Edit([{"op": "add", "path": "/spec/paused", "value": False}])


class ArgoRolloutsTraffic:
    class Options(ClusterOptions):
        rollout: str = Field(pattern=NAME, description="the Rollout's name; its steps hold the plan's weights")

    def __init__(self, options: Options, context: Context) -> None:
        self._name = options.rollout
        self._cluster = Cluster(options, context)

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        who = await self._who()
        await self._seen(who, call)

        def edit(found: Object) -> Edit:
            rollout = ArgoRollout(found, who)
            rollout.check_may(weight, call.version)
            return Edit([], rollout.note(weight, call.version))

        # From here on nothing that an earlier call sent can change the Rollout any more.
        found = await change(self._cluster, _ROLLOUT, self._name, call, edit, lambda _: None)
        moved = False
        async for _ in looks(call.timeout_s, 0.02):
            rollout = ArgoRollout(found, who)
            if rollout.is_at(weight):
                return rollout.weight()
            if moved and weight:
                rollout.check_not_aborted()
            if (status := rollout.towards(weight)) is not None and not moved:
                found, moved = await self._move(found, status, call)
            elif weight == 0 and rollout.paused:
                found = await change(self._cluster, _ROLLOUT, self._name, call, _resume, lambda _: None)
            else:
                found = await self._cluster.get(_ROLLOUT, self._name, within_s=call.timeout_s)
            if notes(found).get(SET_BY) != call.key:
                raise TemporaryError(f"{who} was given to another call meanwhile: {notes(found).get(SET_BY)}")
        raise TemporaryError(
            f"{who} is on its way to {weight:g} %, and not there within {call.timeout_s:g} s ({rollout.said}). Its "
            "pods may still be starting; is Argo's controller running?"
        )

    async def read_weight(self) -> float:
        return ArgoRollout(await self._cluster.get(_ROLLOUT, self._name), await self._who()).weight()

    async def nearest(self, weight: float) -> float:
        """Of what its present steps hold; a version deployed later may bring others."""
        check_weight(weight)
        rollout = ArgoRollout(await self._cluster.get(_ROLLOUT, self._name), await self._who())
        return min((0.0, 100.0, *rollout.weights), key=lambda one: abs(one - weight))

    async def probe(self) -> str:
        who = await self._who()
        rollout = ArgoRollout(await self._cluster.get(_ROLLOUT, self._name), who)
        rollout.check_steps()
        weight = rollout.weight()
        await self._cluster.check_right("patch", _ROLLOUT, self._name)
        await self._cluster.check_right("patch", _STATUS, self._name)
        steps = listed([f"{one:g}" for one in rollout.weights], 10) or "no weight"
        return f"{who} has {weight:g} %; its steps hold {steps} ({rollout.said})"

    async def close(self) -> None:
        await self._cluster.close()

    async def _seen(self, who: str, call: Call) -> None:
        """What the controller has not seen yet, such as a version just deployed, it has noted nothing about."""
        async for _ in looks(call.timeout_s, 0.02):
            found = await self._cluster.get(_ROLLOUT, self._name, within_s=call.timeout_s)
            if ArgoRollout(found, who).seen:
                return
        raise TemporaryError(
            f"{who}: Argo's controller has not looked at it within {call.timeout_s:g} s since it was changed: is the "
            "controller running, and does it watch this namespace?"
        )

    async def _move(self, found: Object, status: dict[str, object], call: Call) -> tuple[Object, bool]:
        """The Rollout afterwards, and whether it was moved: not when the controller noted something just then."""
        version = {"resourceVersion": found["metadata"]["resourceVersion"]}
        body = {"metadata": version, "status": status}
        try:
            return await self._cluster.patch(_STATUS, self._name, body, "merge", within_s=call.timeout_s), True
        except Conflict:
            return await self._cluster.get(_ROLLOUT, self._name, within_s=call.timeout_s), False

    async def _who(self) -> str:
        namespace = await self._cluster.namespace()
        return f"{await self._cluster.who()}: the Rollout {self._name} in the namespace {namespace}"
