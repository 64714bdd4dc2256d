"""After a rollout: which follow-ups are due when, and when each is looked at again."""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.core.events import FollowUpsPlanned, PlannedFollowUp, Recorded, RecoveryConfirmed, RecoveryDoubtful
from pilotage.core.followups import follow_ups
from pilotage.core.preparing import Preparation
from pilotage.core.state import Status

LOOK_AGAIN_S = 600.0
"""What could not be seen is looked at again so soon, `MOST_LOOKS` times in all."""
MOST_LOOKS = 4
REMIND_AGAIN_S = 86400.0
MOST_REMINDERS = 3
KEPT_OPEN_S = 14 * 86400.0
"""After the last due time; then what is still open is left to people alone."""


def planned(preparation: Preparation, status: Status, ended_at: float) -> tuple[PlannedFollowUp, ...]:
    """Those that fit how the rollout ended, the first due first; roles are the people whom the plan names for them."""
    ending = "promoted" if status is Status.PROMOTED else "rolled-back"
    rows = [
        PlannedFollowUp(one.id, ended_at + one.after_s, one.text, _who(preparation, one.who), one.check, one.ticket)
        for one in preparation.follow_ups
        if one.when in ("always", ending)
    ]
    return tuple(sorted(rows, key=lambda one: one.due_at))


def _who(preparation: Preparation, who: str) -> str:
    """``on-call`` as ``Ann @ann (on-call)``; a name stays as it is."""
    named = [" ".join(filter(None, (one.name, one.reach))) for one in preparation.contacts if one.role == who]
    return f"{', '.join(named)} ({who})" if named else who


def looks_again(times: int) -> float | None:
    """Seconds until something that could not be seen is looked at again; None when it was tried often enough."""
    return LOOK_AGAIN_S if times < MOST_LOOKS else None


def reminds_again(times: int) -> float | None:
    """Seconds until the next reminder, after `times` of them; None when there is none."""
    return REMIND_AGAIN_S * times if times < MOST_REMINDERS else None


def left_open(record: Sequence[Recorded], status: Status) -> tuple[tuple[PlannedFollowUp, float, bool], ...] | None:
    """What an aftermath that was lost has to go on with: (item, next look, whether it failed before).

    None: it had not come as far as its follow-ups.
    """
    events = [one.event for one in record]
    came_back = any(isinstance(one, RecoveryConfirmed | RecoveryDoubtful) for one in events)
    was_planned = any(isinstance(one, FollowUpsPlanned) for one in events)
    if not was_planned and (status is not Status.ROLLED_BACK or not came_back):
        return None
    rows = []
    for one in follow_ups(record):
        if one.status != "done":
            item = PlannedFollowUp(one.id, one.due_at, one.text, one.who, one.check, one.ticket)
            next_at = one.due_at if one.status == "planned" else one.at + REMIND_AGAIN_S
            rows.append((item, next_at, one.status == "failed"))
    return tuple(rows)
