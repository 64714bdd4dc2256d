"""Any event, and its place in the record."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.events import acting, after, back, before, walking

Event = (
    walking.RolloutStarted
    | before.PlanRegistered
    | before.Ticked
    | before.Unticked
    | before.Rehearsed
    | before.StartScheduled
    | before.StartOverdue
    | before.StartRefused
    | before.PlanClosed
    | before.ChecklistPassed
    | before.ChecklistOverridden
    | acting.Deployed
    | walking.PhaseStarted
    | acting.WeightSet
    | acting.WeightDrifted
    | after.Released
    | after.ReleaseFailed
    | walking.WatchStarted
    | walking.PhasePassed
    | walking.Held
    | walking.HoldCleared
    | walking.PersonNeeded
    | walking.Paused
    | walking.Resumed
    | walking.TroubleReported
    | walking.ApprovalRequested
    | walking.Approved
    | walking.PromotionForced
    | acting.StepFailed
    | back.RollbackStarted
    | back.RolledBack
    | back.LeastBadChosen
    | back.DirectRollback
    | walking.Announced
    | after.RecoveryConfirmed
    | after.RecoveryDoubtful
    | after.InvestigationOpened
    | after.FollowUpsPlanned
    | after.FollowUpDue
    | after.FollowUpDone
    | after.FollowUpFailed
    | after.TicketOpened
    | after.AftermathEnded
    | walking.Promoted
    | walking.Failed
)


@dataclass(frozen=True)
class Recorded:
    """An event in its place: `number` counts from 0 within the rollout, `by` is a person or ``pilotage``."""

    rollout: str
    number: int
    at: float
    by: str
    event: Event
