"""Taking one step and looking at what came of it. The same in an activity and without an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pilotage.core.errors import TemporaryError
from pilotage.core.events import Deployed, WeightSet
from pilotage.core.model import Plan, Step
from pilotage.drivers import Call, Deployer, Traffic

WEIGHT_TOLERANCE = 0.51
"""Percent points between wish and read-back that a coarse splitter may round away."""


def is_in_force(weight: float, wanted: float) -> bool:
    """Both percent. Nothing is not next to nothing."""
    return abs(weight - wanted) <= WEIGHT_TOLERANCE and (weight == 0) == (wanted == 0)


class Hands(Protocol):
    """A plan's drivers, by the names that its steps use."""

    @property
    def plan(self) -> Plan: ...

    def traffic(self, target: str) -> Traffic: ...

    def deployer(self, target: str) -> Deployer: ...


async def act(
    hands: Hands, step: Step, key: str, now: Callable[[], float], timeout_s: float = 30.0
) -> WeightSet | Deployed:
    """Raises what the driver raises, and TemporaryError when another weight is in force than was asked for."""
    began = now()
    call = Call(key, hands.plan.version, hands.plan.previous, timeout_s, step.cohort, step.mirror)
    if step.action == "deploy":
        version = step.version or hands.plan.version
        detail = await hands.deployer(step.target).deploy(version, call)
        return Deployed(step.target, version, detail, now() - began, key)
    wanted = step.weight or 0.0
    in_force = await hands.traffic(step.target).set_weight(wanted, call)
    if not is_in_force(in_force, wanted):
        raise TemporaryError(f"{step.target}: asked for {wanted:g} %, but {in_force:g} % is in force")
    return WeightSet(step.target, wanted, in_force, now() - began, key)
