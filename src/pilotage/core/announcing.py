"""Which events are announced to whom, and which of them may wake somebody."""

from __future__ import annotations

from pilotage.core.events import Announced, Event, RecoveryConfirmed
from pilotage.core.model import Audience, Channel

KINDS = (
    *(
        "rollout_started",
        "phase_passed",
        "weight_drifted",
        "held",
        "approval_requested",
        "person_needed",
        "least_bad_chosen",
    ),
    *("rollback_started", "rolled_back", "direct_rollback", "recovery_confirmed", "recovery_doubtful", "promoted"),
    *(
        "released",
        "release_failed",
        "failed",
        "investigation_opened",
        "follow_up_due",
        "follow_up_failed",
        "ticket_opened",
    ),
    *("start_overdue", "start_refused", "announced"),
)
"""Every kind of event that has a template; the others are in the record only."""

URGENT = frozenset(
    {"held", "approval_requested", "person_needed", "least_bad_chosen", "rollback_started", "rolled_back"}
    | {"direct_rollback", "recovery_doubtful", "failed", "start_overdue", "announced"}
)
"""Sent in quiet hours, too."""

_CHANGES = frozenset(
    {"rollout_started", "held", "start_overdue", "promoted", "rolled_back", "direct_rollback", "announced"}
)
"""Start, delay, complete, rollback: what somebody outside of the incident wants to know."""

USUAL: dict[Audience, frozenset[str]] = {
    "incident": frozenset(KINDS),
    "status-page": _CHANGES | {"recovery_confirmed"},
    "stakeholders": _CHANGES,
    "pager": frozenset(
        {"approval_requested", "person_needed", "least_bad_chosen", "recovery_doubtful", "failed", "start_overdue"}
        | {"follow_up_failed", "rolled_back", "recovery_confirmed", "promoted"}
    ),
}
"""What an audience gets where its channel does not say `only`. The pager gets the ends, too: they resolve its alert."""


OUTSIDERS: tuple[Audience, ...] = ("status-page", "stakeholders")
"""They get plain words: no internals, no commands."""


def kinds_of(channel: Channel) -> frozenset[str]:
    """What its plan says it gets, else what its audience usually does."""
    return frozenset(channel.only) or USUAL[channel.audience]


def gets(channel: Channel, event: Event) -> bool:
    """Whether this event is for this channel.

    A person's own words go to the audience they name, whatever else it gets; without one to all that get such words.
    Back in the outage of before is no good news: nobody outside is told "recovered", and no page or alert is resolved.
    """
    if isinstance(event, Announced) and event.audience:
        return event.audience == channel.audience
    if isinstance(event, RecoveryConfirmed) and event.sick and channel.audience != "incident":
        return False
    return event.kind in kinds_of(channel)
