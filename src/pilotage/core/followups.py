"""Where each follow-up of a rollout stands: a fold over its record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pilotage.core.events import (
    FollowUpDone,
    FollowUpDue,
    FollowUpFailed,
    FollowUpsPlanned,
    PlannedFollowUp,
    Recorded,
    TicketOpened,
)

FollowUpStatus = Literal["planned", "due", "done", "failed"]


@dataclass(frozen=True)
class FollowUpState:
    """`ticket`: one is to be opened for it; `where`: it is opened, there. `by` and `at`: who brought it to its status,
    and when (Unix seconds). `evidence`: what was seen then."""

    id: str
    due_at: float
    text: str
    who: str = ""
    check: str = ""
    ticket: bool = False
    status: FollowUpStatus = "planned"
    evidence: str = ""
    where: str = ""
    by: str = ""
    at: float = 0.0


def follow_ups(record: Iterable[Recorded]) -> tuple[FollowUpState, ...]:
    """By due time. A reminder reopens nothing; an event about an item that nobody planned still makes its line."""
    found: dict[str, FollowUpState] = {}
    for one in record:
        event = one.event
        match event:
            case FollowUpsPlanned(items=items):
                found |= {item.id: _planned(item, one, found.get(item.id)) for item in items}
            case FollowUpDue(item=item, who=who):
                known = _known(found, event, one)
                if known.status in ("planned", "due"):
                    found[item] = replace(known, status="due", who=who or known.who, by=one.by, at=one.at)
            case FollowUpDone(item=item, evidence=evidence):
                known = _known(found, event, one)
                found[item] = replace(known, status="done", evidence=evidence, by=one.by, at=one.at)
            case FollowUpFailed(item=item, evidence=evidence, who=who):
                known = _known(found, event, one)
                failed = replace(known, status="failed", evidence=evidence, by=one.by, at=one.at)
                found[item] = replace(failed, who=who or known.who)
            case TicketOpened(item=item, where=where):
                found[item] = replace(_known(found, event, one), where=where)
    return tuple(sorted(found.values(), key=lambda state: state.due_at))


def _planned(item: PlannedFollowUp, one: Recorded, known: FollowUpState | None) -> FollowUpState:
    """Planned anew it keeps what has come of it."""
    state = known or FollowUpState(item.id, item.due_at, item.text, by=one.by, at=one.at)
    return replace(state, due_at=item.due_at, text=item.text, who=item.who, check=item.check, ticket=item.ticket)


def _known(
    found: dict[str, FollowUpState], event: FollowUpDue | FollowUpDone | FollowUpFailed | TicketOpened, one: Recorded
) -> FollowUpState:
    """The item as it stood, or a line of its own, due when it was first heard of."""
    return found.get(event.item) or FollowUpState(event.item, one.at, event.text, by=one.by, at=one.at)
