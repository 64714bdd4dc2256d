"""The nouns of two signals beside the requests: the system's health (guards) and the tickets users open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["gauge", "counter", "rate"]
"""What the source gives: the value itself, a cumulative counter, or a counter's rise per second."""
Per = Literal["instance", "total", "request"]


@dataclass(frozen=True)
class GuardMetric:
    """One measure of health; ``$group`` in `value` becomes the group's name. How it is judged: docs/method.md, 9.

    `worse_than_control`: so many times control's value is an excess, if also `floor` above it; None: not compared.
    `limit`: more is an excess, whatever control has. `floor` and `limit` are in the guard's unit after `per`.
    `by` is the label that tells instances apart; empty: ``pod``, else ``instance``.
    """

    name: str
    source: str
    value: str
    kind: Kind = "gauge"
    per: Per = "instance"
    worse_than_control: float | None = 1.5
    limit: float | None = None
    floor: float = 0.0
    unit: str = ""
    by: str = ""


@dataclass(frozen=True)
class TicketMetric:
    """A cumulative counter of the tickets of the whole service: users cannot be told apart by group."""

    source: str
    total: str


class Level(NamedTuple):
    """The sum of one instance's series; or of several instances' where there are too many to tell apart."""

    name: str
    value: float
    instances: int = 1


@dataclass(frozen=True)
class GuardLevels:
    """A guard at one moment: both groups by instance; a group without series has none. `fault`: why not."""

    name: str
    canary: tuple[Level, ...] = ()
    control: tuple[Level, ...] = ()
    fault: str = ""


@dataclass(frozen=True)
class GuardBaseline:
    """What control showed while it served, before this phase: medians over `ticks` samples.

    `load`: requests a second by which the value is compared (see guards.py); None when they are not known.
    """

    name: str
    value: float
    load: float | None
    ticks: int
    high: float = -math.inf
    """One sample in ten was above it."""


@dataclass(frozen=True)
class TicketBaseline:
    """Tickets of the time before the canary got traffic; `phi`: they vary so many times more than independent ones."""

    tickets: float
    seconds: float
    phi: float = 1.0
