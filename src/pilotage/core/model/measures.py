"""What a plan reads: metrics by group, and both groups' logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pilotage.core.model.moving import DriverRef
from pilotage.core.signals import GuardMetric, TicketMetric


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
    left_out: tuple[str, ...] = ()
    """What the plan's preset for requests cannot give, and why: a clause each."""


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
