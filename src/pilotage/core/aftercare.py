"""After a rollout: which follow-ups are due when, and when each is looked at again."""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.core.events import PlannedFollowUp
from pilotage.core.preparing import FollowUp
from pilotage.core.state import Status

LOOK_AGAIN_S = 600.0
"""What could not be seen is looked at again so soon, `MOST_LOOKS` times in all."""
MOST_LOOKS = 4
REMIND_AGAIN_S = 86400.0
MOST_REMINDERS = 3
KEPT_OPEN_S = 14 * 86400.0
"""After the last due time; then what is still open is left to people alone."""


def planned(follow_ups: Sequence[FollowUp], status: Status, ended_at: float) -> tuple[PlannedFollowUp, ...]:
    """Those that fit how the rollout ended, the first due first."""
    ending = "promoted" if status is Status.PROMOTED else "rolled-back"
    fitting = [one for one in follow_ups if one.when in ("always", ending)]
    rows = [
        PlannedFollowUp(one.id, ended_at + one.after_s, one.text, one.who, one.check, one.ticket) for one in fitting
    ]
    return tuple(sorted(rows, key=lambda one: one.due_at))


def looks_again(times: int) -> float | None:
    """Seconds until something that could not be seen is looked at again; None when it was tried often enough."""
    return LOOK_AGAIN_S if times < MOST_LOOKS else None


def reminds_again(times: int) -> float | None:
    """Seconds until the next reminder, after `times` of them; None when there is none."""
    return REMIND_AGAIN_S * times if times < MOST_REMINDERS else None
