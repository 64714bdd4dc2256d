"""What is told of plans before they run, of approvals, and of what is closed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotage.server.api.models.asked import EXAMPLE_DIGEST, EXAMPLE_PLAN, Asked, Overriding, PlanText, Said
from pilotage.server.api.models.rollouts import INSTANT, Spoken

LAST_INSTANT = 253_000_000_000.0
"""In the year 9987: later ones cannot be shown."""


class PlanRequest(PlanText):
    """Makes a plan known: its checklist can be ticked, its way back rehearsed, its start scheduled."""

    by: str = Field(default="", max_length=128, description="who says so; counts, and is needed, without a login only")
    reason: str = Field(default="", max_length=2000)


class TickRequest(Said):
    items: list[str] = Field(min_length=1, max_length=100, description="ids of items", examples=[["backup", "told"]])
    undo: bool = Field(default=False, description="the ticks are taken back")


class ScheduleRequest(Overriding):
    """`reason` is needed when something is passed over."""


class ApprovalRequest(Said):
    """`reason` is what the approver reads."""


class AnswerRequest(Said):
    """Approves a plan's start, or refuses it."""

    digest: str = Field(max_length=80, description="of the plan as the approver has seen it", examples=[EXAMPLE_DIGEST])
    yes: bool = Field(default=True, description="false: refused")


class PlanKnown(BaseModel):
    """A plan that waits to be started."""

    id: str = Field(examples=[EXAMPLE_PLAN])
    service: str
    environment: str
    version: str
    previous: str
    severity: str
    digest: str = Field(examples=[EXAMPLE_DIGEST])
    file: str
    path: str
    by: str = Field(description="who made it known")
    registered_at: float = Field(description=INSTANT)
    first_known: float = Field(description=f"when the change was first planned; {INSTANT}")
    due_at: float | None = Field(description=INSTANT)
    overdue_s: float
    overdue: str = Field(description="a clause; empty when it is not")
    scheduled_by: str
    starts: str = Field(description="a clause: when it may start")
    to_tick: list[str] = Field(description="required items that wait for a person")
    closed: bool
    rollout: str = Field(description="what it was started as, the last time")


class ChecklistItem(BaseModel):
    id: str
    part: str
    text: str
    required: bool
    check: str = Field(description="what is looked up by itself; empty: a person ticks it")
    mark: Literal["open", "done", "failed", "overridden"]
    by: str
    at: float | None = Field(description=INSTANT)
    evidence: str


class PlanView(PlanKnown):
    """One plan with its checklist, looked up now."""

    items: list[ChecklistItem]
    open: int = Field(description="required items in the way")
    freezes: list[str]
    lock: str
    notes: list[str]
    timeline: list[Spoken]


class Named(BaseModel):
    id: str


class TicksNoted(BaseModel):
    id: str
    items: list[str]
    by: str
    left: list[str] = Field(description="still to be ticked")


class Practised(BaseModel):
    target: str
    seconds: float


class RehearsalDone(BaseModel):
    id: str
    targets: list[Practised]


class Scheduled(BaseModel):
    id: str
    starts: str
    to_tick: list[str]


class Approval(BaseModel):
    """A second person's yes: for this very plan and phase, for a time, for one use."""

    id: str
    subject: str = Field(description="a known plan, or a rollout")
    digest: str = Field(description="of the plan that it is for", examples=[EXAMPLE_DIGEST])
    phase: int = Field(description="-1: the start")
    service: str
    environment: str
    requested_by: str
    requested_at: float = Field(description=INSTANT)
    note: str
    approver: str
    given_at: float | None = Field(description=f"{INSTANT}; null: it is waited for")
    expires_at: float | None = Field(description=INSTANT)
    refused: bool
    used_at: float | None = Field(description=INSTANT)
    used_for: str


class FreezeRequest(Said):
    """Nothing is started meanwhile."""

    service: str = Field(default="", max_length=64, description="empty: every one")
    environment: str = Field(default="", max_length=64, description="empty: every one")
    begins: float | None = Field(
        default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False, description=f"{INSTANT}; null: now"
    )
    ends: float | None = Field(
        default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False, description=f"{INSTANT}; null: until it is lifted"
    )


class LockRequest(Said):
    """Nobody else starts anything for this service there."""

    service: str = Field(min_length=1, max_length=64)
    environment: str = Field(min_length=1, max_length=64)


class Freeze(BaseModel):
    id: str
    service: str = Field(description="empty: every one")
    environment: str = Field(description="empty: every one")
    reason: str
    owner: str
    begins: float = Field(description=INSTANT)
    ends: float | None = Field(description=f"{INSTANT}; null: until it is lifted")
    lifted_by: str
    lifted_at: float | None = Field(description=INSTANT)
    lift_reason: str


class Lock(BaseModel):
    service: str
    environment: str
    reason: str
    owner: str
    since: float = Field(description=INSTANT)
    released_by: str
    released_at: float | None = Field(description=INSTANT)
    release_reason: str


class Place(Asked):
    service: str
    environment: str
