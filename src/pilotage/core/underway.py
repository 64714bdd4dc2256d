"""What a plan's phases mean for a rollout that is in one of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pilotage.core.model import Plan, Step, Strategy, Way


def ways_back(plan: Plan, phase: int) -> tuple[Way, ...]:
    """The ways back from a phase. Of a rolling deployment only servers are undone that it has come to: the others run
    the previous version, and need not be taken out of rotation."""
    ways = plan.rollback.ways
    if plan.strategy is not Strategy.ROLLING:
        return ways
    later = {step.target for one in plan.phases[phase + 1 :] for step in one.steps}
    return tuple(replace(way, steps=tuple(step for step in way.steps if step.target not in later)) for way in ways)


def in_force(plan: Plan, phase: int) -> dict[str, Step]:
    """By splitter: the step that says what must be in force while this phase is watched."""
    none = {one.name: Step(one.name, "set_weight", weight=0.0) for one in plan.targets if one.kind == "traffic"}
    steps = (step for one in plan.phases[: phase + 1] for step in one.steps)
    return none | {step.target: step for step in steps if step.action == "set_weight"}


def renewed_before(plan: Plan, phase: int) -> set[str]:
    """Deployers that have brought out the new version before this phase."""
    steps = (step for one in plan.phases[:phase] for step in one.steps)
    return {step.target for step in steps if step.action == "deploy" and step.version == plan.version}


def share_of(plan: Plan, renewed: Collection[str]) -> float | None:
    """Of a rolling deployment: the percent of servers that have the new version when these batches have; else None."""
    if plan.strategy is not Strategy.ROLLING:
        return None
    share = before = 0.0
    for phase in plan.phases:
        if any(step.target in renewed for step in phase.steps):
            share += phase.weight - before
        before = phase.weight
    return round(share, 1)
