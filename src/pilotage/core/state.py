"""Where a rollout stands: a fold over its events, and which commands it then accepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from pilotage.core import events as ev
from pilotage.core.errors import Refused


class Status(StrEnum):
    STARTING = "starting"
    SHIFTING = "shifting"
    WATCHING = "watching"
    HELD = "held"
    PAUSED = "paused"
    AWAITING_APPROVAL = "awaiting approval"
    ROLLING_BACK = "rolling back"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (Status.PROMOTED, Status.ROLLED_BACK, Status.FAILED)


class Command(StrEnum):
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    HOLD = "hold"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    REPORT_TROUBLE = "report-trouble"
    ANNOUNCE = "announce"

    @property
    def decides(self) -> bool:
        """It changes where the rollout goes; the others only tell somebody something."""
        return self not in (Command.REPORT_TROUBLE, Command.ANNOUNCE)


@dataclass(frozen=True)
class RolloutState:
    status: Status = Status.STARTING
    phase: int = 0
    weight: float = 0.0
    """Percent in force at the last traffic target that was set; of servers, in a rolling deployment."""
    reason: str = ""
    """One sentence: why it is where it is."""
    needs_person: bool = False
    next_number: int = 0
    asked_phase: int | None = None
    """The phase that waits for an approval; None when none does."""


def apply(state: RolloutState, recorded: ev.Recorded) -> RolloutState:
    """The state after one more event; events that change nothing but the count return it otherwise unchanged."""
    state = replace(state, next_number=max(state.next_number, recorded.number + 1))
    match recorded.event:
        case ev.RolloutStarted():
            return replace(state, status=Status.STARTING)
        case ev.PhaseStarted(phase=phase):
            return replace(state, status=Status.SHIFTING, phase=phase, reason="", needs_person=False)
        case ev.WeightSet(in_force=weight):
            return replace(state, weight=weight)
        case ev.Deployed(share=share) if share is not None:
            return replace(state, weight=share)
        case ev.WatchStarted():
            return replace(state, status=Status.WATCHING)
        case ev.Held(reason=reason):
            return replace(state, status=Status.HELD, reason=reason)
        case ev.HoldCleared(reason=reason) | ev.Resumed(reason=reason):
            return replace(state, status=Status.WATCHING, reason=reason, needs_person=False)
        case ev.PersonNeeded(reason=reason):
            return replace(state, reason=reason, needs_person=True)
        case ev.LeastBadChosen(reason=reason):
            return replace(state, status=Status.HELD, reason=reason, needs_person=True)
        case ev.Paused(reason=reason):
            return replace(state, status=Status.PAUSED, reason=reason)
        case ev.ApprovalRequested(phase=phase, name=name):
            why = f"phase {name} needs an approval"
            return replace(state, status=Status.AWAITING_APPROVAL, reason=why, needs_person=True, asked_phase=phase)
        case ev.Approved() | ev.PromotionForced():
            return replace(state, needs_person=False, asked_phase=None)
        case ev.PhasePassed():
            return replace(state, reason="", needs_person=False)
        case ev.StepFailed(error=error):
            return replace(state, reason=error)
        case ev.RollbackStarted(reason=reason):
            return replace(state, status=Status.ROLLING_BACK, reason=reason, needs_person=False)
        case ev.RolledBack(reason=reason):
            return replace(state, status=Status.ROLLED_BACK, reason=reason, needs_person=False)
        case ev.DirectRollback(reason=reason) if state.status is Status.PROMOTED:
            return replace(state, status=Status.ROLLED_BACK, weight=0.0, reason=reason)
        case ev.Promoted(reason=reason):
            return replace(state, status=Status.PROMOTED, reason=reason, needs_person=False)
        case ev.Failed(detail=detail):
            return replace(state, status=Status.FAILED, reason=detail, needs_person=True)
    return state


def fold(recorded: Iterable[ev.Recorded]) -> RolloutState:
    state = RolloutState()
    for one in recorded:
        state = apply(state, one)
    return state


_ACCEPTS: dict[Command, tuple[Status, ...]] = {
    Command.APPROVE: (Status.AWAITING_APPROVAL,),
    Command.PAUSE: (Status.WATCHING, Status.HELD),
    Command.RESUME: (Status.PAUSED, Status.HELD),
    Command.HOLD: (Status.WATCHING, Status.PAUSED),
    Command.PROMOTE: (Status.WATCHING, Status.HELD, Status.PAUSED),
    Command.REPORT_TROUBLE: (
        Status.SHIFTING,
        Status.WATCHING,
        Status.HELD,
        Status.PAUSED,
        Status.AWAITING_APPROVAL,
    ),
    Command.ANNOUNCE: tuple(Status),
    Command.ROLLBACK: (*(status for status in Status if not status.ended), Status.ROLLED_BACK),
}


def check_command(status: Status, command: Command) -> None:
    """Raises Refused with what the rollout accepts instead. A repeated rollback is accepted: it is already done."""
    if status in _ACCEPTS[command]:
        return
    if status.ended:
        raise Refused(
            f"cannot {command}: the rollout has ended ({status}). To change production again, run a new plan."
        )
    possible = ", ".join(one.value for one in Command if status in _ACCEPTS[one] and one is not Command.ANNOUNCE)
    raise Refused(f"cannot {command} while the rollout is {status}. Now possible: {possible}.")
