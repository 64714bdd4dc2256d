"""What a plan moves, and how: targets, steps, phases, ways back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pilotage.core.preparing import LeastBad, Method


@dataclass(frozen=True)
class DriverRef:
    """A driver by entry-point name, with its options as written. Secrets stay references ({"env": ...})."""

    driver: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Something a step acts on: a traffic splitter or a deployer, by the name the plan gives it."""

    name: str
    kind: Literal["traffic", "deploy"]
    ref: DriverRef


CohortKind = Literal["header", "cookie", "user"]
COHORT_KINDS = ("header", "cookie", "user")


@dataclass(frozen=True)
class Cohort:
    """Who goes to the canary whatever the weight: requests whose header or cookie `name` has one of `values`, or users
    whose attribute `name` has."""

    kind: CohortKind
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One driver call. Strategies compile to steps; the engine knows no other verb."""

    target: str
    action: Literal["set_weight", "deploy"]
    weight: float | None = None
    version: str | None = None
    cohort: Cohort | None = None
    mirror: float = 0.0
    """Percent of requests that the canary gets a copy of."""
    patient: bool = True
    """A failure holds the rollout until the hold's deadline; without patience it goes back at once."""


@dataclass(frozen=True)
class Phase:
    """Steps, then a watch. `weight` is the share the canary should then receive.

    `judged=False` only records (the baseline phase: the canary has no traffic yet).
    """

    name: str
    weight: float
    steps: tuple[Step, ...]
    watch_s: float
    tick_s: float
    approval: bool = False
    judged: bool = True
    share_known: bool = True
    """The canary should get `weight` percent of all requests. Not so with a cohort, with copies, or when the splitters
    stand at different weights (then `weight` is their mean)."""


@dataclass(frozen=True)
class Way:
    """One way back: all of its steps have to succeed."""

    method: Method
    steps: tuple[Step, ...]
    ordered: bool = True
    """A deploy that fails stops what comes after it. Servers of a rolling deployment do not wait for each other."""


@dataclass(frozen=True)
class WayBack:
    """The ways back in the order they are tried, and what is done when going back is no way out."""

    ways: tuple[Way, ...]
    targets: tuple[Target, ...] = ()
    """What only the way back acts on: the revert, the feature's flag."""
    probe: DriverRef | None = None
    """A check of what gets the traffic back: it is not sent to something that is gone."""
    least_bad: LeastBad = "hold"
    feature: Step | None = None
    """What `flag-off` does."""
    confirm_s: float = 120.0
    """So long the metrics are watched after a rollback, at least; `confirm_within_s` at most."""
    confirm_within_s: float = 300.0
    afterwards: tuple[Way, ...] = ()
    """What is done as well once one of `ways` has worked: nothing shall bring the new version out again."""


@dataclass(frozen=True)
class Release:
    """What frees the old colour's servers after the promotion, when nobody goes back to them any more."""

    target: Target
    step: Step


Drift = Literal["restore", "hold"]
"""What is done about a weight that is not the rollout's any more: it is set again, or the rollout holds and asks."""
