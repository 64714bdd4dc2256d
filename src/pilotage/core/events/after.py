"""After a rollout: recovery, release, follow-ups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Released:
    """The old colour's servers are free: nobody goes back to them any more."""

    target: str
    version: str
    detail: str
    took_s: float
    kind: Literal["released"] = "released"


@dataclass(frozen=True)
class ReleaseFailed:
    """A person has to free the old colour's servers: nothing depends on it, but they go on running."""

    target: str
    version: str
    reason: str
    kind: Literal["release_failed"] = "release_failed"


@dataclass(frozen=True)
class RecoveryConfirmed:
    """After a rollback the metrics are what they were before the rollout. `sick`: that is the outage, which goes on."""

    reason: str
    took_s: float
    sick: bool = False
    kind: Literal["recovery_confirmed"] = "recovery_confirmed"


@dataclass(frozen=True)
class RecoveryDoubtful:
    """After a rollback the metrics have not come back in time, or cannot be read."""

    reason: str
    took_s: float
    kind: Literal["recovery_doubtful"] = "recovery_doubtful"


@dataclass(frozen=True)
class InvestigationOpened:
    """The review's draft is written; `where` is its file or ticket."""

    where: str
    kind: Literal["investigation_opened"] = "investigation_opened"


@dataclass(frozen=True)
class PlannedFollowUp:
    """One follow-up of this rollout, due at an instant (Unix seconds)."""

    id: str
    due_at: float
    text: str
    who: str = ""
    check: str = ""
    ticket: bool = False


@dataclass(frozen=True)
class FollowUpsPlanned:
    items: tuple[PlannedFollowUp, ...]
    kind: Literal["follow_ups_planned"] = "follow_ups_planned"


@dataclass(frozen=True)
class FollowUpDue:
    """Somebody is reminded; `times` counts the reminders before this one."""

    item: str
    text: str
    who: str = ""
    times: int = 0
    kind: Literal["follow_up_due"] = "follow_up_due"


@dataclass(frozen=True)
class FollowUpDone:
    """Looked up by itself, ticked off by a person, or handed over to a ticket; `evidence` says what was seen."""

    item: str
    text: str
    evidence: str = ""
    kind: Literal["follow_up_done"] = "follow_up_done"


@dataclass(frozen=True)
class FollowUpFailed:
    """What was looked up does not hold, or could not be seen: a person has to look."""

    item: str
    text: str
    evidence: str
    who: str = ""
    kind: Literal["follow_up_failed"] = "follow_up_failed"


@dataclass(frozen=True)
class TicketOpened:
    item: str
    text: str
    where: str
    kind: Literal["ticket_opened"] = "ticket_opened"


@dataclass(frozen=True)
class AftermathEnded:
    reason: str
    kind: Literal["aftermath_ended"] = "aftermath_ended"
