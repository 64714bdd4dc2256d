"""What a watch sees: readings, samples, and what was known before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.core.signals import GuardBaseline, GuardLevels, TicketBaseline


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
