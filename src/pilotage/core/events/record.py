"""Any event, and its place in the record."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.events.acting import Deployed, StepFailed, WeightDrifted, WeightSet
from pilotage.core.events.after import (
    AftermathEnded,
    FollowUpDone,
    FollowUpDue,
    FollowUpFailed,
    FollowUpsPlanned,
    InvestigationOpened,
    RecoveryConfirmed,
    RecoveryDoubtful,
    Released,
    ReleaseFailed,
    TicketOpened,
)
from pilotage.core.events.back import DirectRollback, LeastBadChosen, RollbackStarted, RolledBack
from pilotage.core.events.before import (
    ChecklistOverridden,
    ChecklistPassed,
    PlanClosed,
    PlanRegistered,
    Rehearsed,
    StartOverdue,
    StartRefused,
    StartScheduled,
    Ticked,
    Unticked,
)
from pilotage.core.events.walking import (
    Announced,
    ApprovalRequested,
    Approved,
    Failed,
    Held,
    HoldCleared,
    Paused,
    PersonNeeded,
    PhasePassed,
    PhaseStarted,
    Promoted,
    PromotionForced,
    Resumed,
    RolloutStarted,
    TroubleReported,
    WatchStarted,
)

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
