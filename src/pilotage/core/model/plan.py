"""What a plan says: all of it, as it was compiled from its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pilotage.core.model.measures import LogSetup, Measures
from pilotage.core.model.moving import Drift, DriverRef, Phase, Release, Target, WayBack
from pilotage.core.preparing import Preparation


class Severity(StrEnum):
    P0 = "P0"
    P1 = "P1"
    P2 = "P2"


class Strategy(StrEnum):
    CANARY = "canary"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"


Audience = Literal["incident", "status-page", "stakeholders", "pager"]
AUDIENCES = ("incident", "status-page", "stakeholders", "pager")


@dataclass(frozen=True)
class Quiet:
    """From one time of day to another (minutes from midnight in `zone`, an IANA name) only what is urgent is sent."""

    begins: int
    ends: int
    zone: str = "UTC"


@dataclass(frozen=True)
class Channel:
    """Where announcements go. `only` names the kinds that are sent; empty: what its audience usually gets."""

    ref: DriverRef
    audience: Audience = "incident"
    only: tuple[str, ...] = ()
    quiet: Quiet | None = None


@dataclass(frozen=True)
class Limits:
    """Success criteria and rollback triggers, with the judge's parameters."""

    errors_success: float = 0.005
    errors_trigger: float = 0.02
    p95_success: float = 1.10
    p95_trigger: float = 2.0
    bug_target: float = 0.005
    min_requests: int = 50
    share_tolerance: float = 5.0
    alpha: float = 0.01
    """Of each metric and phase: the chance of a false alarm, however often it is looked at."""
    pass_early: bool = False
    """A phase below 100 % may end before its time once the canary is shown not to be twice as bad as control."""


Answer = Literal["rollback", "hold", "ask"]
"""What a finding may lead to: go back at once, hold (then the hold's policy), or hold and ask a person at once."""


@dataclass(frozen=True)
class HoldPolicy:
    """A HOLD that has not cleared after `deadline_s` becomes a rollback, or stays and asks a person."""

    deadline_s: float = 600.0
    then: Literal["rollback", "ask"] = "rollback"
    reports: int = 3
    """So many users' reports within a phase hold the rollout and ask a person."""


@dataclass(frozen=True)
class Expected:
    """What the service usually gets: requests of both groups per second, and the share of them that fails (0-1)."""

    requests_per_s: float
    errors: float = 0.003


@dataclass(frozen=True)
class Plan:
    service: str
    environment: str
    version: str
    previous: str
    severity: Severity
    strategy: Strategy
    summary: str
    known_bad: bool
    targets: tuple[Target, ...]
    phases: tuple[Phase, ...]
    rollback: WayBack
    measures: Measures
    limits: Limits
    hold: HoldPolicy
    notify: tuple[Channel, ...]
    directory: str
    """Absolute folder of the plan file; relative paths and commands start there."""
    digest: str = ""
    """``sha256:...`` of the plan's text as the person approved it."""
    verdicts: Mapping[str, Answer] = field(default_factory=dict)
    """What a finding leads to, where the plan differs from the usual table (see policy.py)."""
    expected: Expected | None = None
    logs: LogSetup | None = None
    preparation: Preparation = field(default_factory=Preparation)
    templates: str = ""
    """The folder of the team's own message templates, relative to `directory`; empty: Pilotage's."""
    tracker: DriverRef | None = None
    """Where follow-ups open tickets."""
    silence_s: float = 60.0
    """A watchdog goes back when the coordinator has been silent for longer during a phase."""
    release: Release | None = None
    drift: Drift = "hold"
    """Of a weight that somebody has changed. One that a splitter lost in a restart is always set again, and one that
    was taken to 0 by somebody is never."""

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """Whatever a step of the rollout, of its way back or after it acts on."""
        return (*self.targets, *self.rollback.targets, *((self.release.target,) if self.release else ()))

    @property
    def refs(self) -> tuple[DriverRef, ...]:
        """All drivers that it names."""
        back, logs = self.rollback, self.logs
        targets = [one.ref for one in self.all_targets]
        others = (back.probe, self.tracker, *((logs.canary, logs.control, logs.both) if logs else ()))
        channels = [one.ref for one in self.notify]
        return (*targets, *self.measures.sources.values(), *channels, *(one for one in others if one is not None))
