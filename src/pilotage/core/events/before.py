"""Before a rollout: the record of a plan, and of its checklist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PlanRegistered:
    """Pilotage first knew the plan; a deadline counts from here."""

    digest: str
    kind: Literal["plan_registered"] = "plan_registered"


@dataclass(frozen=True)
class Ticked:
    item: str
    note: str = ""
    kind: Literal["ticked"] = "ticked"


@dataclass(frozen=True)
class Unticked:
    item: str
    note: str = ""
    kind: Literal["unticked"] = "unticked"


@dataclass(frozen=True)
class Rehearsed:
    """Each splitter was set to what was in force and read back: (target, seconds). `failed`: why one was not."""

    targets: tuple[tuple[str, float], ...]
    detail: str = ""
    failed: str = ""
    kind: Literal["rehearsed"] = "rehearsed"


@dataclass(frozen=True)
class StartScheduled:
    opens_at: float
    reason: str = ""
    overrides: tuple[str, ...] = ()
    kind: Literal["start_scheduled"] = "start_scheduled"


@dataclass(frozen=True)
class StartOverdue:
    due_at: float
    reason: str
    kind: Literal["start_overdue"] = "start_overdue"


@dataclass(frozen=True)
class StartRefused:
    """A scheduled start did not come about, because of these `items`; `final` when it is not tried again."""

    reason: str
    final: bool = False
    items: tuple[str, ...] = ()
    kind: Literal["start_refused"] = "start_refused"


@dataclass(frozen=True)
class PlanClosed:
    """It became a rollout, or was forgotten."""

    reason: str
    rollout: str = ""
    kind: Literal["plan_closed"] = "plan_closed"


@dataclass(frozen=True)
class Checked:
    """One item as it stood at the start."""

    id: str
    part: str
    text: str
    mark: str
    required: bool = True
    by: str = ""
    at: float = 0.0
    evidence: str = ""


@dataclass(frozen=True)
class ChecklistPassed:
    """The whole checklist as it stood when the rollout began; `late_s` after its deadline."""

    items: tuple[Checked, ...]
    late_s: float = 0.0
    kind: Literal["checklist_passed"] = "checklist_passed"


@dataclass(frozen=True)
class ChecklistOverridden:
    """Started although this item did not hold; `text` is what the item asks for."""

    item: str
    text: str
    reason: str
    kind: Literal["checklist_overridden"] = "checklist_overridden"
