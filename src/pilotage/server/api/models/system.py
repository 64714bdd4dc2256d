"""What is told of the coordinator itself, of the audit log, and to watchdogs."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pilotage.server.api.models.asked import Asked
from pilotage.server.api.models.plans import PlanKnown
from pilotage.server.api.models.rollouts import INSTANT


class Alive(BaseModel):
    status: str


class Waits(BaseModel):
    id: str
    status: str
    waits_for: str


class Watchdog(BaseModel):
    name: str
    asked_s_ago: float


class Undelivered(BaseModel):
    rollout: str
    channel: int
    attempts: int
    error: str


class HookState(BaseModel):
    name: str
    kind: str
    problem: str = Field(description="why its secret cannot be read; empty: it can")


class WebhookState(BaseModel):
    """How far a webhook is."""

    name: str
    host: str
    next: int = Field(description="the next entry of the audit log that it is told")
    waiting: int = Field(description="events that it has not taken yet")
    attempts: int
    since: float | None = Field(description=f"when it began to fail; {INSTANT}")
    error: str


class ChatState(BaseModel):
    rollout: str
    events: int
    attempts: int
    last_error: str


class Health(BaseModel):
    """What runs, and what each rollout waits for."""

    pid: int
    up_s: float
    state: str
    engine: str
    engine_pid: int
    rollouts: list[Waits]
    watchdogs: list[Watchdog]
    plans: list[PlanKnown]
    undelivered: list[Undelivered]
    hooks: list[HookState]
    webhooks: list[WebhookState]
    chat: list[ChatState] = Field(description="threads that lack something")


class Entry(BaseModel):
    """Something that was done or tried, or an event of the record. Its hash covers the one before."""

    number: int
    at: float = Field(description=INSTANT)
    by: str
    kind: str = Field(description="of who did it: local, person, token, agent, hook, pilotage; `event` seals an event")
    what: str
    object: str = Field(description="a rollout, a plan, ...; of an event ROLLOUT#NUMBER")
    outcome: str
    detail: str
    hash: str


class Verified(BaseModel):
    """The whole chain was gone through, and every event that it seals."""

    good: bool
    entries: int
    events: int
    head: str = Field(description="the last entry's hash: note it elsewhere, and compare it later")
    wrong: list[str] = Field(description="a sentence for each place where it is not as it was written")


class Running(BaseModel):
    id: str
    silence_s: float


class RunningRollouts(BaseModel):
    rollouts: list[Running]


class Snapshot(BaseModel):
    snapshot: str = Field(description="all that a watchdog needs to go back by itself, as JSON text")


class JournalRequest(Asked):
    journal: str = Field(max_length=1_000_000, description="what a watchdog has written down")


class Accepted(BaseModel):
    rollout: str
