"""Strategies are compilers: they turn what a plan says into phases and steps, and know nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilotage.core import quantities
from pilotage.core.model import Cohort, Phase, Step, Strategy, Target
from pilotage.core.preparing import Method


@dataclass(frozen=True)
class PhaseSpec:
    """One phase as a person writes it: weight in percent, watch in seconds. `on` names its targets; empty: all."""

    weight: float
    watch_s: float
    approval: bool = False
    cohort: Cohort | None = None
    mirror: float = 0.0
    """Percent of requests copied to the canary."""
    on: tuple[str, ...] = ()


@dataclass(frozen=True)
class AfterSpec:
    """The lighter monitoring after 100 %, both in seconds."""

    watch_s: float
    tick_s: float = 60.0


@dataclass(frozen=True)
class Rhythm:
    """What all strategies have in common. Seconds; a baseline of 0 s is left out."""

    baseline_s: float = 30.0
    tick_s: float = 10.0
    after: AfterSpec | None = None

    def around(self, phases: Sequence[Phase], last: str = "after") -> tuple[Phase, ...]:
        """The baseline first, and the watch after 100 % last."""
        first = Phase("baseline", 0.0, (), self.baseline_s, self.tick_s, judged=False)
        after = self.after
        return (
            *((first,) if self.baseline_s > 0 else ()),
            *phases,
            *((Phase(last, 100.0, (), after.watch_s, after.tick_s),) if after is not None else ()),
        )


Offers = Mapping[str, frozenset[str]]
"""Of a splitter (by its name): the kinds of cohorts it knows, and ``mirror`` when it copies requests."""


def canary(
    specs: Sequence[PhaseSpec],
    targets: Sequence[Target],
    *,
    version: str,
    rhythm: Rhythm = Rhythm(),
    offers: Offers | None = None,
) -> tuple[Phase, ...]:
    """One phase per spec: what is due is deployed before traffic moves, then the splitters are set in their order.

    A deployer is due in the first phase that names it, in the first one of all when none does.
    """
    offers = offers or {}
    named = {name for spec in specs for name in spec.on}
    waiting = [one.name for one in targets if one.kind == "deploy"]
    weights = {one.name: 0.0 for one in targets if one.kind == "traffic"}
    phases: list[Phase] = []
    for number, spec in enumerate(specs):
        due = [name for name in waiting if name in spec.on or not spec.on or (number == 0 and name not in named)]
        waiting = [name for name in waiting if name not in due]
        moved = [name for name in weights if not spec.on or name in spec.on]
        weights |= dict.fromkeys(moved, spec.weight)
        steps = (
            *(Step(name, "deploy", version=version) for name in due),
            *(_shift(name, spec, offers.get(name, frozenset())) for name in moved),
        )
        alike = len(set(weights.values())) == 1
        name = _name(spec)
        again = sum(one.name == name or one.name.startswith(f"{name} (") for one in phases)
        phases.append(
            Phase(
                f"{name} ({again + 1})" if again else name,
                sum(weights.values()) / len(weights),
                steps,
                spec.watch_s,
                rhythm.tick_s,
                approval=spec.approval,
                share_known=alike and spec.cohort is None and not spec.mirror,
            )
        )
    return rhythm.around(phases)


def _shift(name: str, spec: PhaseSpec, offers: frozenset[str]) -> Step:
    cohort = spec.cohort if spec.cohort is not None and spec.cohort.kind in offers else None
    mirror = spec.mirror if "mirror" in offers else 0.0
    return Step(name, "set_weight", weight=spec.weight, cohort=cohort, mirror=mirror)


def _name(spec: PhaseSpec) -> str:
    """``10 %``, ``eu 10 %``, ``header X-Canary``, ``25 % copied``: all that the phase has."""
    parts = [f"{spec.weight:g} %"] if spec.weight else []
    parts += [f"{spec.cohort.kind} {spec.cohort.name}"] if spec.cohort else []
    parts += [f"{spec.mirror:g} % copied"] if spec.mirror else []
    said = " + ".join(parts)
    return f"{', '.join(spec.on)} {said}" if spec.on else said


def blue_green(
    spec: PhaseSpec,
    targets: Sequence[Target],
    tests: Sequence[Target],
    *,
    live: str,
    idle: str,
    version: str,
    rhythm: Rhythm = Rhythm(),
) -> tuple[Phase, ...]:
    """The idle colour gets the version and is tested; all traffic is switched; the old colour is kept warm."""
    deploys = tuple(Step(one.name, "deploy", version=version) for one in targets if one.kind == "deploy")
    tested = tuple(Step(one.name, "deploy", version=version, patient=False) for one in tests)
    switch = tuple(Step(one.name, "set_weight", weight=100.0) for one in targets if one.kind == "traffic")
    return rhythm.around(
        (
            Phase(f"test {idle}", 0.0, (*deploys, *tested), rhythm.tick_s, rhythm.tick_s, judged=False),
            Phase(f"switch to {idle}", 100.0, switch, spec.watch_s, rhythm.tick_s, approval=spec.approval),
        ),
        last=f"{live} kept warm",
    )


def rolling(
    batches: Sequence[tuple[Target, int]], *, watch_s: float, approvals: str, version: str, rhythm: Rhythm = Rhythm()
) -> tuple[Phase, ...]:
    """A phase for each batch (its target, how many servers it has). `approvals` are asked for before ``none``, the
    ``second`` or ``each`` batch but the first. The weight is the share of servers done, in percent to one place."""
    fleet, done = sum(size for _, size in batches), 0
    phases: list[Phase] = []
    for number, (target, size) in enumerate(batches):
        done += size
        step = Step(target.name, "deploy", version=version, patient=False)
        asks = number > 0 and (approvals == "each" or (approvals == "second" and number == 1))
        phases.append(Phase(target.name, round(100 * done / fleet, 1), (step,), watch_s, rhythm.tick_s, approval=asks))
    return rhythm.around(phases)


def at_once(said: object, fleet: int) -> int | None:
    """How many servers a batch has, as ``max_unavailable`` says: a count, or a share of the fleet, rounded down to one
    at least; 1 when nothing is said. None for what is neither."""
    if said is None:
        return 1
    share = quantities.percent(said)
    if share:
        return max(1, int(fleet * share / 100))
    return said if isinstance(said, int) and not isinstance(said, bool) and said >= 1 else None


# ------------------------------------------------------------------ the ways back

USUAL_WAY: dict[Strategy, Method] = {
    Strategy.CANARY: "traffic",
    Strategy.BLUE_GREEN: "switch",
    Strategy.ROLLING: "redeploy",
}
"""The first way back, where a plan names none."""


def rollback(targets: Sequence[Target]) -> tuple[Step, ...]:
    """Weight 0 on every splitter, the last one set goes first."""
    return tuple(Step(one.name, "set_weight", weight=0.0) for one in reversed(targets) if one.kind == "traffic")


def redeploy(targets: Sequence[Target], previous: str) -> tuple[Step, ...]:
    """The previous version on every deployer, the last one deployed goes first."""
    return tuple(Step(one.name, "deploy", version=previous) for one in reversed(targets) if one.kind == "deploy")
