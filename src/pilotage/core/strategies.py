"""Strategies are compilers: they turn what a plan says into phases and steps, and know nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pilotage.core.model import Phase, Step, Target


@dataclass(frozen=True)
class PhaseSpec:
    """One phase as a person writes it: weight in percent, watch in seconds."""

    weight: float
    watch_s: float
    approval: bool = False


@dataclass(frozen=True)
class AfterSpec:
    """The lighter monitoring after 100 %, both in seconds."""

    watch_s: float
    tick_s: float = 60.0


def canary(
    specs: Sequence[PhaseSpec],
    targets: Sequence[Target],
    *,
    version: str,
    baseline_s: float = 30.0,
    tick_s: float = 10.0,
    after: AfterSpec | None = None,
) -> tuple[Phase, ...]:
    """Baseline (unless 0 s), one phase per spec, and the watch after 100 %.

    The first real phase deploys before it moves traffic; every phase sets its weight on all splitters in order.
    """
    deploys = tuple(Step(one.name, "deploy", version=version) for one in targets if one.kind == "deploy")
    splitters = tuple(one.name for one in targets if one.kind == "traffic")
    phases: list[Phase] = []
    if baseline_s > 0:
        phases.append(Phase("baseline", 0.0, (), baseline_s, tick_s, judged=False))
    for number, spec in enumerate(specs):
        shifts = tuple(Step(name, "set_weight", weight=spec.weight) for name in splitters)
        steps = deploys + shifts if number == 0 else shifts
        phases.append(Phase(f"{spec.weight:g} %", spec.weight, steps, spec.watch_s, tick_s, approval=spec.approval))
    if after is not None:
        phases.append(Phase("after", 100.0, (), after.watch_s, after.tick_s))
    return tuple(phases)


def rollback(targets: Sequence[Target]) -> tuple[Step, ...]:
    """Weight 0 on every splitter, the last one set goes first."""
    return tuple(Step(one.name, "set_weight", weight=0.0) for one in reversed(targets) if one.kind == "traffic")


def redeploy(targets: Sequence[Target], previous: str) -> tuple[Step, ...]:
    """The previous version on every deployer, the last one deployed goes first."""
    return tuple(Step(one.name, "deploy", version=previous) for one in reversed(targets) if one.kind == "deploy")
