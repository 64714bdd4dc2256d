"""What a webhook is told of an event. These classes are its JSON Schema, docs/webhook.schema.json, too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data, to_json
from pilotage.core.events import Recorded
from pilotage.core.model import Plan
from pilotage.core.sentences import sentence
from pilotage.core.state import RolloutState

MOST_EVENT = 64 * 1024
"""Characters of an event's own fields. Whoever wants more asks the API."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Part):
    """The rollout, or the plan that waits, as it was right after the event."""

    id: str
    kind: Literal["rollout", "plan"]
    service: str
    environment: str
    version: str
    previous: str
    severity: str
    summary: str
    status: str | None = Field(description="of a rollout, as `pilotage status` says it; null of a plan that waits")
    phase: str | None = Field(description="the phase's name")
    weight: float | None = Field(description="percent of the traffic that the new version has")
    reason: str = Field(description="why it is where it is, one sentence; may be empty")
    needs_person: bool
    url: str | None = Field(description="its page, where the settings say how people reach Pilotage")


class Data(_Part):
    sentence: str = Field(description="what happened, for people")
    by: str = Field(description="who did it: a person, a tool, or pilotage")
    number: int = Field(description="the event's place in the record, from 0")
    entry: int = Field(description="its place in the audit log, which is the order of all events")
    event: dict[str, Any] | None = Field(description="its own fields; null where they are longer than 64 KiB")
    about: About


class Told(_Part):
    """The body of every message but the test's, whose type is ``ping``."""

    model_config = ConfigDict(title="A message to a webhook")

    type: str = Field(description="rollout.KIND or plan.KIND", pattern=r"^(rollout|plan)\.[a-z_]+$")
    timestamp: str = Field(description="when it happened, ISO 8601 in UTC", json_schema_extra={"format": "date-time"})
    data: Data


def body(entry: int, recorded: Recorded, plan: Plan, state: RolloutState | None, pages: str) -> bytes:
    """`state` is None of a plan that waits; `pages` is how people reach Pilotage, may be empty."""
    kind: Literal["rollout", "plan"] = "plan" if state is None else "rollout"
    about = About(
        id=recorded.rollout,
        kind=kind,
        service=plan.service,
        environment=plan.environment,
        version=plan.version,
        previous=plan.previous,
        severity=plan.severity.value,
        summary=plan.summary,
        status=state.status.value if state else None,
        phase=plan.phases[state.phase].name if state and state.phase < len(plan.phases) else None,
        weight=state.weight if state else None,
        reason=state.reason if state else "",
        needs_person=state.needs_person if state else False,
        url=f"{pages.rstrip('/')}/{kind}s/{recorded.rollout}" if pages else None,
    )
    event = to_data(recorded.event) if len(to_json(recorded.event)) <= MOST_EVENT else None
    data = Data(
        sentence=sentence(recorded.event), by=recorded.by, number=recorded.number, entry=entry, event=event, about=about
    )
    told = Told(type=f"{kind}.{recorded.event.kind}", timestamp=instant(recorded.at), data=data)
    return told.model_dump_json().encode(errors="replace")


def instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
