"""What an import makes of the files, before it is a plan: values with the places they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pilotage.core.model import Strategy
from pilotage.core.planning.entries import Entry, Row
from pilotage.core.quantities import written

TICK_S = 10.0


@dataclass
class PhaseRow:
    """One row of `phases`. Without a weight a cohort or copies; a watch of 0 is the severity's."""

    weight: float | None = None
    watch_s: float = 0.0
    approval: bool = False
    cohort: dict[str, Any] | None = None
    mirror: float | None = None
    origins: list[str] = field(default_factory=list)

    def row(self, usual_s: float) -> Row:
        watch = max(self.watch_s, TICK_S) if self.watch_s else usual_s
        data: dict[str, Any] = {}
        if self.cohort is not None:
            data["cohort"] = self.cohort
        if self.mirror is not None:
            data["mirror"] = f"{self.mirror:.6g}%"
        if self.weight is not None:
            data["weight"] = f"{self.weight:.6g}%"
        data["watch"] = written(watch)
        if self.approval:
            data["approval"] = True
        said = ", ".join(dict.fromkeys(self.origins))
        return Row(data, f"from {said}" if said else "")


@dataclass
class Measured:
    """The sections of what is measured and judged; empty entries stay as `pilotage plan` drafts them."""

    metrics: tuple[Entry, ...] = ()
    above: tuple[str, ...] = ()
    success: dict[str, Any] = field(default_factory=dict)
    rollback_when: dict[str, Any] = field(default_factory=dict)
    why_success: str = ""
    why_rollback: str = ""


@dataclass
class Pieces:
    """`service` and the others are (value, origin). Rows of traffic and deploy have comments above them."""

    title: str
    service: tuple[str, str]
    strategy: Strategy
    why: str
    phases: list[PhaseRow] = field(default_factory=list)
    usual_phases: bool = False
    """The files name none: those of the severity are taken."""
    traffic: list[dict[str, Any]] = field(default_factory=list)
    traffic_above: tuple[str, ...] = ()
    deploy: list[dict[str, Any]] = field(default_factory=list)
    deploy_above: tuple[str, ...] = ()
    logs: dict[str, Any] | None = None
    logs_above: tuple[str, ...] = ()
    blue_green: tuple[Entry, ...] = ()
    measured: Measured = field(default_factory=Measured)
    after_s: float | None = None
    after_why: str = ""
    hold: tuple[dict[str, Any], str] | None = None
    image: str = ""
    """The pods' image as the files have it: a hint, as nobody knows whether it is the old one or the new one."""
    checklist: list[dict[str, Any]] = field(default_factory=list)
    notify: list[dict[str, Any]] = field(default_factory=list)
    head: tuple[str, ...] = ()
    """What has to be known before such a plan is run."""
