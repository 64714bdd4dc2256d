"""How a rollout turned back: the first sign, the decision, the ways that were tried, and whether it recovered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pilotage.core import events as ev

Checked = ev.RecoveryConfirmed | ev.RecoveryDoubtful


@dataclass(frozen=True)
class Turn:
    """Instants are Unix seconds; None where the record does not say.

    `traffic`: the canary's first of that phase. `sign`: the first event of an unbroken trouble that ended in the
    decision, often the decision itself. `back`: the traffic was on stable. `failed`: steps of the way back.
    """

    traffic: float | None
    sign: ev.Recorded
    seen: float
    decided: ev.Recorded
    decided_at: float
    back: float | None = None
    method: str = ""
    took_s: float | None = None
    failed: tuple[ev.Recorded, ...] = ()
    direct: ev.DirectRollback | None = None
    recovery: Checked | None = None
    alone: bool = False
    """From the first sign to the traffic back no person did anything, and none was needed."""

    @property
    def detect_s(self) -> float | None:
        """From the phase's first traffic to the canary to the first sign."""
        return None if self.traffic is None else max(0.0, self.seen - self.traffic)

    @property
    def decide_s(self) -> float:
        """From the first sign to the decision; 0 when the sign decided."""
        return max(0.0, self.decided_at - self.seen)

    @property
    def recover_s(self) -> float | None:
        """From the decision to the traffic back on stable."""
        return None if self.back is None else max(0.0, self.back - self.decided_at)


def turn_of(record: Sequence[ev.Recorded]) -> Turn | None:
    """None for a rollout that did not turn back. A direct rollback counts from when it was done, not noted."""
    turns = [one for one in record if isinstance(one.event, ev.RollbackStarted | ev.DirectRollback)]
    if not turns:
        return None
    decided = min(turns, key=_when)
    sign = _first_sign(record, decided)
    done = next((one for one in record if isinstance(one.event, ev.RolledBack)), None)
    direct = next((one for one in turns if isinstance(one.event, ev.DirectRollback)), None)
    by_hand = cast("ev.DirectRollback | None", direct.event if direct else None)
    reached = direct if by_hand is not None and by_hand.method else None
    first = min((one for one in (done, reached) if one is not None), key=_back, default=None)
    within = [one for one in record if sign.number <= one.number and (first is None or one.number <= first.number)]
    method, took_s = "", None
    if first is not None and isinstance(first.event, ev.RolledBack):
        method, took_s = first.event.method, first.event.took_s
    elif first is not None and by_hand is not None:
        method, took_s = by_hand.method, by_hand.took_s
    return Turn(
        first_traffic(record, decided),
        sign,
        _when(sign),
        decided,
        _when(decided),
        None if first is None else _back(first),
        method,
        took_s,
        tuple(one for one in within if one.number > decided.number and isinstance(one.event, ev.StepFailed)),
        by_hand,
        next((one.event for one in reversed(record) if isinstance(one.event, Checked)), None),
        direct is None and all(one.by == "pilotage" and not isinstance(one.event, ev.PersonNeeded) for one in within),
    )


def moves_traffic(event: ev.Event) -> bool:
    """The canary gets requests by it, or goes on to."""
    if isinstance(event, ev.Deployed):
        return event.share is not None and event.share > 0
    return isinstance(event, ev.WeightSet) and event.in_force > 0


def _when(one: ev.Recorded) -> float:
    return one.event.at if isinstance(one.event, ev.DirectRollback) else one.at


def _back(one: ev.Recorded) -> float:
    """When the traffic was back, of the event that says so."""
    return one.event.at + one.event.took_s if isinstance(one.event, ev.DirectRollback) else one.at


def _first_sign(record: Sequence[ev.Recorded], decided: ev.Recorded) -> ev.Recorded:
    """A hold of the judge's or of a person, a user's report, what the plan calls least bad: since the phase began, or
    since all was well again."""
    sign = None
    for one in record:
        if one.number >= decided.number or one.at > _when(decided):
            break
        if isinstance(one.event, ev.PhaseStarted | ev.HoldCleared | ev.Resumed):
            sign = None
        elif isinstance(one.event, ev.Held | ev.TroubleReported | ev.LeastBadChosen):
            sign = sign or one
    return sign or decided


def first_traffic(record: Sequence[ev.Recorded], turned: ev.Recorded) -> float | None:
    """When the canary got traffic in the phase in which `turned` stands; None when it had none.

    A phase that moves no traffic counts from its beginning, if an earlier one moved some.
    """
    before = [one for one in record if one.number < turned.number]
    start = next((one for one in reversed(before) if isinstance(one.event, ev.PhaseStarted)), None)
    shifts = [one for one in before if moves_traffic(one.event)]
    if start is None:
        return shifts[0].at if shifts else None
    within = [one.at for one in shifts if one.number > start.number]
    if within:
        return within[0]
    return start.at if shifts else None
