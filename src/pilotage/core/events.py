"""The record of a rollout: numbered events. The same list is timeline, audit, API answer and report.

Every event has a `kind` of its own: an untagged union reads one event back as another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilotage.core.model import Verdict


@dataclass(frozen=True)
class RolloutStarted:
    reason: str = ""
    kind: Literal["rollout_started"] = "rollout_started"


@dataclass(frozen=True)
class Deployed:
    target: str
    version: str
    detail: str
    took_s: float
    key: str
    share: float | None = None
    """Of a rolling deployment: the percent of all servers that have the new version now."""
    kind: Literal["deployed"] = "deployed"


@dataclass(frozen=True)
class PhaseStarted:
    phase: int
    name: str
    weight: float
    kind: Literal["phase_started"] = "phase_started"


@dataclass(frozen=True)
class WeightSet:
    """`wanted` is what the step asked for, `in_force` what the splitter answered when read back, both percent."""

    target: str
    wanted: float
    in_force: float
    took_s: float
    key: str
    kind: Literal["weight_set"] = "weight_set"


@dataclass(frozen=True)
class WeightDrifted:
    """A splitter has another weight than the rollout has set; it is set again."""

    phase: int
    target: str
    reason: str
    kind: Literal["weight_drifted"] = "weight_drifted"


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
class WatchStarted:
    phase: int
    watch_s: float
    kind: Literal["watch_started"] = "watch_started"


@dataclass(frozen=True)
class PhasePassed:
    phase: int
    name: str
    verdict: Verdict
    kind: Literal["phase_passed"] = "phase_passed"


@dataclass(frozen=True)
class Held:
    """The traffic stays where it is. `verdict` is None when a person asked for it."""

    phase: int
    reason: str
    verdict: Verdict | None = None
    kind: Literal["held"] = "held"


@dataclass(frozen=True)
class HoldCleared:
    phase: int
    reason: str
    kind: Literal["hold_cleared"] = "hold_cleared"


@dataclass(frozen=True)
class PersonNeeded:
    """Nothing goes on until a person decides; `reason` says what and with which command."""

    phase: int
    reason: str
    kind: Literal["person_needed"] = "person_needed"


@dataclass(frozen=True)
class Paused:
    phase: int
    reason: str
    kind: Literal["paused"] = "paused"


@dataclass(frozen=True)
class Resumed:
    phase: int
    reason: str
    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True)
class TroubleReported:
    """A user, or someone on their behalf, says that it is worse; `reason` is what they say."""

    phase: int
    reason: str
    kind: Literal["trouble_reported"] = "trouble_reported"


@dataclass(frozen=True)
class ApprovalRequested:
    phase: int
    name: str
    kind: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True)
class Approved:
    phase: int
    reason: str
    kind: Literal["approved"] = "approved"


@dataclass(frozen=True)
class PromotionForced:
    """A person passed the phase before its watch was over."""

    phase: int
    reason: str
    kind: Literal["promotion_forced"] = "promotion_forced"


@dataclass(frozen=True)
class StepFailed:
    """A driver call did not succeed; `will` says what happens next."""

    target: str
    error: str
    will: str
    kind: Literal["step_failed"] = "step_failed"


@dataclass(frozen=True)
class RollbackStarted:
    phase: int
    reason: str
    verdict: Verdict | None = None
    kind: Literal["rollback_started"] = "rollback_started"


@dataclass(frozen=True)
class RolledBack:
    """`method` is the way back that succeeded."""

    reason: str
    took_s: float
    method: str = "traffic"
    kind: Literal["rolled_back"] = "rolled_back"


@dataclass(frozen=True)
class LeastBadChosen:
    """Not rolled back by itself, as that would bring the outage back; `policy` is what the plan says is least bad."""

    phase: int
    policy: str
    reason: str
    verdict: Verdict | None = None
    kind: Literal["least_bad_chosen"] = "least_bad_chosen"


@dataclass(frozen=True)
class DirectRollback:
    """Sent back without the coordinator: begun at `at`, and back after `took_s` seconds, when `method` is not empty.

    Noted here when the coordinator was there again.
    """

    reason: str
    at: float
    method: str
    detail: str
    took_s: float = 0.0
    kind: Literal["direct_rollback"] = "direct_rollback"


@dataclass(frozen=True)
class Announced:
    """A person's own words, for one audience."""

    text: str
    audience: str
    kind: Literal["announced"] = "announced"


@dataclass(frozen=True)
class Promoted:
    reason: str
    kind: Literal["promoted"] = "promoted"


@dataclass(frozen=True)
class Failed:
    """Pilotage itself could not go on. The traffic is where `detail` says."""

    detail: str
    kind: Literal["failed"] = "failed"


# ------------------------------------------------------------------ after a rollout


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


# ------------------------------------------------------------------ before a rollout: the record of a plan


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


Event = (
    RolloutStarted
    | PlanRegistered
    | Ticked
    | Unticked
    | Rehearsed
    | StartScheduled
    | StartOverdue
    | StartRefused
    | PlanClosed
    | ChecklistPassed
    | ChecklistOverridden
    | Deployed
    | PhaseStarted
    | WeightSet
    | WeightDrifted
    | Released
    | ReleaseFailed
    | WatchStarted
    | PhasePassed
    | Held
    | HoldCleared
    | PersonNeeded
    | Paused
    | Resumed
    | TroubleReported
    | ApprovalRequested
    | Approved
    | PromotionForced
    | StepFailed
    | RollbackStarted
    | RolledBack
    | LeastBadChosen
    | DirectRollback
    | Announced
    | RecoveryConfirmed
    | RecoveryDoubtful
    | InvestigationOpened
    | FollowUpsPlanned
    | FollowUpDue
    | FollowUpDone
    | FollowUpFailed
    | TicketOpened
    | AftermathEnded
    | Promoted
    | Failed
)


@dataclass(frozen=True)
class Recorded:
    """An event in its place: `number` counts from 0 within the rollout, `by` is a person or ``pilotage``."""

    rollout: str
    number: int
    at: float
    by: str
    event: Event
