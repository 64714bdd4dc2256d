"""What is told of rollouts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotage.core.events import Event
from pilotage.core.followups import FollowUpStatus
from pilotage.core.model import Action, Audience
from pilotage.core.state import Command, Status
from pilotage.server.api.models.asked import EXAMPLE_DIGEST, EXAMPLE_ROLLOUT, Asked, Overriding, PlanText, Said

INSTANT = "Unix seconds"


class StartRequest(PlanText, Overriding):
    """Begins a rollout of this plan."""


class WhatIfRequest(PlanText):
    """Another plan for the samples of a rollout."""


class CommandRequest(Said):
    """An approval names what it is for, so that nobody approves something that has changed meanwhile."""

    digest: str = Field(
        default="", max_length=80, description="of an approval: `plan_digest` as the approver has seen it"
    )
    phase: int | None = Field(default=None, ge=0, le=1000, description="of an approval: `asked_phase`, as seen")


class TroubleRequest(Said):
    """`reason` is what users say."""

    on_behalf: str = Field(
        default="", max_length=128, description="who has said so to whoever asks; kept with the reason"
    )


class AnnounceRequest(Asked):
    """A person's own words, through the plan's channels."""

    by: str = Field(default="", max_length=128, description="who says so; counts without a login only")
    text: str = Field(max_length=2000, description="the first line says it all")
    audience: Audience | Literal[""] = Field(default="", description="empty: everybody whom the plan's channels tell")


class Summary(BaseModel):
    """A rollout in a list."""

    id: str = Field(examples=[EXAMPLE_ROLLOUT])
    service: str
    environment: str
    version: str
    status: Status
    weight_in_force: float = Field(description="percent of the traffic (or of the servers) that the new version has")
    reason: str = Field(description="a sentence: why it is where it is")
    by: str = Field(description="who started it")
    started_at: float = Field(description=INSTANT)


class Started(BaseModel):
    id: str = Field(examples=[EXAMPLE_ROLLOUT])
    late_s: float = Field(description="how long after its plan's deadline it was started")
    advised: list[str] = Field(description="what is advised and did not hold, a line each")


class Phase(BaseModel):
    name: str
    weight: float = Field(description="percent")
    watch_s: float


class Found(BaseModel):
    """What one criterion shows, and why.

    Rates are fractions, latencies seconds; `evidence` and `threshold` log e-values.
    """

    metric: str
    action: Action
    sentence: str
    canary: float | None
    control: float | None
    low: float | None
    high: float | None
    n: float | None
    evidence: float | None
    threshold: float | None
    shows: str
    unit: str


class Spoken(BaseModel):
    at: float = Field(description=INSTANT)
    by: str
    sentence: str


class Decided(BaseModel):
    action: Action
    reason: str


class Table(BaseModel):
    columns: list[str]
    rows: list[list[str]]


class View(BaseModel):
    """Where one rollout stands, as the live view shows it."""

    id: str = Field(examples=[EXAMPLE_ROLLOUT])
    service: str
    environment: str
    version: str
    previous: str
    severity: str
    summary: str
    strategy: str
    plan_digest: str = Field(examples=[EXAMPLE_DIGEST])
    status: Status
    phase: int = Field(description="counts from 0")
    phase_name: str
    asked_phase: int | None = Field(description="the phase that waits for an approval")
    phases: list[Phase]
    weight_wanted: float
    weight_in_force: float
    share_known: bool
    share_observed: float | None = Field(description="percent of the requests that were really seen at the new version")
    reason: str
    needs_person: bool
    commands: list[Command] = Field(description="those that are possible now")
    progress: float | None = Field(description="share of the phase's watch that is done, 0-1")
    time_left_s: float | None
    verdict: Decided | None
    findings: list[Found]
    comparison: Table
    timeline: list[Spoken] = Field(description="the newest twelve events, in words")
    started_at: float = Field(description=INSTANT)
    ended_at: float | None = Field(description=INSTANT)
    exit_code: int | None = Field(
        description="of `pilotage run`: 0 promoted, 1 rolled back, 3 a person is needed, 4 failed"
    )


class Told(BaseModel):
    """An event of the record in its place, with its sentence."""

    rollout: str
    number: int = Field(description="counts from 0 within the rollout")
    at: float = Field(description=INSTANT)
    by: str
    event: Event
    sentence: str


class Done(BaseModel):
    """What a command has come to, after it was looked at whether it holds."""

    id: str = Field(examples=[EXAMPLE_ROLLOUT])
    status: Status
    done: bool
    message: str


class WordsNoted(BaseModel):
    id: str
    message: str
    through: list[str] = Field(description="the channels that tell it")


class Crossed(BaseModel):
    phase: str
    metric: str
    tick: int
    after_s: float | None
    evidence: float | None
    threshold: float | None


class Explained(BaseModel):
    """Why it went back, holds or was promoted, or what it waits for."""

    id: str
    sentence: str
    next: str
    phase: str
    tick: int | None
    after_s: float | None
    action: Action | None
    turned_by: str
    findings: list[Found]
    crossings: list[Crossed]
    seen: str
    data: str
    example: list[str]
    text: str = Field(description="all of it for a terminal")


class Differs(BaseModel):
    phase: str
    tick: int
    after_s: float | None
    stored: str
    now: str
    ended: str
    ends: str


class ReplayResult(BaseModel):
    """The stored samples before the judge again."""

    verdicts: int
    same: int
    differences: list[Differs]
    agrees: bool
    text: str


class Turned(BaseModel):
    tick: int
    after_s: float | None
    action: Action
    reason: str


class PhaseUnder(BaseModel):
    phase: str
    turns: list[Turned]
    was: list[Turned]
    note: str


class OtherCourse(BaseModel):
    """The rollout under another plan, phase by phase."""

    phases: list[PhaseUnder]
    text: str


class CheckedItem(BaseModel):
    id: str
    part: str
    text: str
    mark: str
    required: bool
    by: str
    at: float
    evidence: str


class Passed(BaseModel):
    """The checklist as it stood when the rollout began."""

    id: str
    items: list[CheckedItem]
    late_s: float = 0.0


class FollowUp(BaseModel):
    """Something to be looked at after a rollout."""

    rollout: str
    service: str
    environment: str
    version: str
    id: str
    due_at: float = Field(description=INSTANT)
    text: str
    who: str
    check: str = Field(description="what Pilotage itself looks at; empty: somebody is reminded")
    ticket: bool
    status: FollowUpStatus
    evidence: str
    where: str
    by: str
    at: float


class FollowUpNoted(BaseModel):
    id: str
    message: str


class DoneRequest(Asked):
    by: str = Field(default="", max_length=128, description="who says so; counts, and is needed, without a login only")
    note: str = Field(default="", max_length=2000, description="kept with it")
