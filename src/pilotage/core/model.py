"""The nouns: what a plan says, what a watch sees, what the judge answers.

All values are frozen. Weights are percent of traffic (0-100), durations seconds, instants Unix seconds (UTC),
latencies seconds, rates fractions (0-1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from pilotage.core.preparing import LeastBad, Method, Preparation
from pilotage.core.signals import GuardBaseline, GuardLevels, GuardMetric, TicketBaseline, TicketMetric


class Severity(StrEnum):
    P0 = "P0"
    P1 = "P1"
    P2 = "P2"


class Strategy(StrEnum):
    CANARY = "canary"
    BLUE_GREEN = "blue-green"
    ROLLING = "rolling"


class Action(StrEnum):
    """What a verdict asks for. WATCH means: nothing against it, keep watching."""

    WATCH = "WATCH"
    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    ROLLBACK = "ROLLBACK"


Audience = Literal["incident", "status-page", "stakeholders", "pager"]
AUDIENCES = ("incident", "status-page", "stakeholders", "pager")

# ------------------------------------------------------------------ the plan


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
class RatioMetric:
    """`bad` out of `total`, both cumulative counters; ``$group`` in a selector becomes the group's name."""

    name: str
    source: str
    total: str
    bad: str


@dataclass(frozen=True)
class LatencyMetric:
    """A cumulative histogram with ``le`` labels in `unit` (``s`` or ``ms``)."""

    name: str
    source: str
    histogram: str
    unit: Literal["s", "ms"] = "s"


@dataclass(frozen=True)
class Measures:
    """What to read, from where, and how the canary and the control are called there."""

    sources: Mapping[str, DriverRef]
    canary: str
    control: str
    errors: RatioMetric
    latency: LatencyMetric | None = None
    bug: RatioMetric | None = None
    guards: tuple[GuardMetric, ...] = ()
    tickets: TicketMetric | None = None


@dataclass(frozen=True)
class LogField:
    """In a stream of both groups' lines: the field (JSON or key=value) that names the group, and its two values."""

    name: str
    canary: str
    control: str


@dataclass(frozen=True)
class LogSetup:
    """Where both groups' logs come from: a source each, or one for both with a `field` that tells them apart."""

    canary: DriverRef | None = None
    control: DriverRef | None = None
    both: DriverRef | None = None
    field: LogField | None = None
    tokens: tuple[str, ...] = ()
    """What a line must hold to be looked at; empty: the usual words of errors."""
    ignore: tuple[str, ...] = ()
    """Entries that hold one of these texts are left out."""
    bug: str = ""
    """A text that the bug's own entries hold."""
    history_s: float = 86400.0
    """How far back control's log is read at the start."""


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


# ------------------------------------------------------------------ what a watch sees


@dataclass(frozen=True)
class Histogram:
    """`bounds` are ascending upper bounds in seconds, the last one ``inf``; `counts` are per bucket (not summed up)."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True)
class Counters:
    """One group's counters since its processes started. None: the plan does not ask for it, or it has no series."""

    requests: float
    errors: float
    latency: Histogram | None = None
    bug_total: float | None = None
    bug_bad: float | None = None
    instances: tuple[Instance, ...] = ()
    """The same per instance, where the source tells them apart and there is more than one. Their sum is the group's."""


@dataclass(frozen=True)
class Instance:
    """One process of a group, by the name its series carry."""

    name: str
    counters: Counters


@dataclass(frozen=True)
class LogSignature:
    """What entries that say the same are called. `example` has its secrets masked."""

    number: int
    title: str
    example: str
    critical: bool = False


@dataclass(frozen=True)
class LogSeen:
    """One signature's incidents (entries more than 2 s apart) and entries in a time, in both groups."""

    number: int
    canary: int = 0
    control: int = 0
    canary_entries: int = 0
    control_entries: int = 0


@dataclass(frozen=True)
class LogHistory:
    """What control's log held: `volume` in bytes, `seconds` it spans, (signature, incidents), the critical ones."""

    volume: float = 0.0
    seconds: float = 0.0
    incidents: tuple[tuple[int, int], ...] = ()
    critical: tuple[int, ...] = ()


@dataclass(frozen=True)
class LogCounts:
    """What both groups logged since the tick before; volumes in bytes, `control_plain` is control's without its errors.

    `named`: signatures met in the canary for the first time; `critical`: met anywhere for the first time, and critical.
    `same`: (number, lower number) that turned out to say the same. `bug`: incidents of the bug's own text, by group.
    `missing`: why a group's log cannot be read now; `notes`: what else a person should know, each said once.
    """

    canary_volume: float = 0.0
    control_volume: float = 0.0
    seen: tuple[LogSeen, ...] = ()
    named: tuple[LogSignature, ...] = ()
    critical: tuple[int, ...] = ()
    same: tuple[tuple[int, int], ...] = ()
    bug: tuple[int, int] = (0, 0)
    missing: str = ""
    notes: tuple[str, ...] = ()
    control_plain: float = 0.0
    history: LogHistory | None = None
    """Once, at the start: what control's log held before the rollout."""


@dataclass(frozen=True)
class Reading:
    """Both groups at one moment. A group that has no series yet is None; `fault` says why there is no reading."""

    canary: Counters | None = None
    control: Counters | None = None
    fault: str = ""
    guards: tuple[GuardLevels, ...] = ()
    tickets: float | None = None
    """The service's tickets since its counter began; None: not asked for, or no series (then `tickets_fault`)."""
    tickets_fault: str = ""
    logs: LogCounts | None = None
    """None: the plan watches no logs."""


@dataclass(frozen=True)
class Sample:
    """A reading with its place: phase and tick count from 0; tick 0 is the watch's starting point.
    Ticks below 0 are history: what the metrics source still knew of the time before the rollout.

    `counted` is False while a person has paused or held: the judge still guards, the phase's time does not run.
    """

    phase: int
    tick: int
    at: float
    reading: Reading
    counted: bool = True


@dataclass(frozen=True)
class Minute:
    """What control did in one minute or less: the latencies of the group, and (requests, errors) by instance."""

    cells: Mapping[str, tuple[float, float]]
    latency: Histogram | None = None


@dataclass(frozen=True)
class Baseline:
    """What control showed before this phase: totals over the earlier phases of the rollout and its history."""

    requests: float = 0.0
    errors: float = 0.0
    latency: Histogram | None = None
    bug_total: float = 0.0
    bug_bad: float = 0.0
    minutes: tuple[Minute, ...] = ()
    """The last 30 of them, the newest last."""
    canary_seen: bool = False
    """The canary had series before: when they are missing now, they are lost, not yet to be born."""
    logs: LogHistory = LogHistory()
    """Control's log of the time before the rollout and of the earlier phases."""
    named: tuple[LogSignature, ...] = ()
    """Signatures that the canary showed in earlier phases."""
    guards: tuple[GuardBaseline, ...] = ()
    tickets: TicketBaseline | None = None


# ------------------------------------------------------------------ what the judge answers


@dataclass(frozen=True)
class Finding:
    """What one criterion shows, and why.

    `action` is what this finding alone asks for; WATCH = not yet known, PROMOTE = met. `shows` names what was found
    when that is an alarm: a row of the verdict table (policy.py).
    `sentence` has value, interval, n and threshold. `canary`/`control` are in the metric's own unit
    (rates as fractions, latencies in seconds, share in percent) or None. `evidence` and `threshold` are log e-values.
    """

    metric: str
    action: Action
    sentence: str
    canary: float | None = None
    control: float | None = None
    low: float | None = None
    high: float | None = None
    n: float = 0.0
    evidence: float | None = None
    threshold: float | None = None
    shows: str = ""
    unit: str = ""
    """Of a guard's values (words.amount)."""


@dataclass(frozen=True)
class Drifted:
    """A splitter that has another weight than the rollout has set, and what is known of why."""

    target: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What to do, the finding's sentence that decided it, and everything that was found at that tick."""

    action: Action
    reason: str
    findings: tuple[Finding, ...] = ()
    progress: float = 0.0
    """Share of the phase's watch that is done, 0-1."""
    overdue: bool = False
    """A person is to be asked: the HOLD has outlived its deadline, or the finding says ask."""
    outage: str = ""
    """Of a ROLLBACK: why going back would bring the outage back; empty when it would not."""
    drifted: tuple[Drifted, ...] = ()
    """Splitters that have another weight than the rollout has set. Of a WATCH: it is to be set again now."""
