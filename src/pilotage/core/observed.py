"""What a review can say of a rollout without guessing: each line is a fact of the record or of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pilotage.core import events as ev
from pilotage.core.events import Recorded
from pilotage.core.followups import follow_ups
from pilotage.core.model import Plan, Sample
from pilotage.core.quantities import duration, span
from pilotage.core.sent import SentMessage
from pilotage.core.sentences import sentence
from pilotage.core.state import Status, fold
from pilotage.core.turn import Turn
from pilotage.core.words import clock_time

LATE_S = 60.0
"""A message that goes out later than this after its event was late."""

_ANSWERS = (ev.HoldCleared, ev.Resumed, ev.Approved, ev.PromotionForced, ev.PhasePassed, ev.RollbackStarted)


def what_worked(
    plan: Plan, record: Sequence[Recorded], turn: Turn | None, messages: Sequence[SentMessage]
) -> list[str]:
    return [
        *_checklist_was_whole(record),
        *(_of_the_turn(record, turn) if turn is not None else _of_the_phases(plan, record)),
        *_told_in_time(record, messages),
    ]


def what_did_not(record: Sequence[Recorded], turn: Turn | None, messages: Sequence[SentMessage]) -> list[str]:
    kinds = (ev.StepFailed, ev.Failed, ev.RecoveryDoubtful, ev.DirectRollback, ev.StartOverdue)
    told = [f"{sentence(one.event)} (at {_when(one)})" for one in record if isinstance(one.event, kinds)]
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    if passed is not None and passed.late_s >= 1:
        told.append(f"the rollout began {duration(passed.late_s)} after its deadline")
    told += waits(record)
    if turn is not None and turn.sign is not turn.decided:
        told.append(f"from the first sign to the decision {duration(turn.decide_s)} passed")
    told += [
        f"{title} went out {duration(after)} after its event"
        for title, after in _delays(record, messages)
        if after > LATE_S
    ]
    failed = [one for one in follow_ups(record) if one.status == "failed"]
    return told + [f"a follow-up does not hold: {one.text}: {one.evidence}" for one in failed]


def waits(record: Sequence[Recorded]) -> list[str]:
    """How long it stood because a person had to decide, each time."""
    found, since = [], None
    for one in record:
        if since is None and isinstance(one.event, ev.PersonNeeded | ev.ApprovalRequested | ev.LeastBadChosen):
            since = one
        elif since is not None and isinstance(one.event, _ANSWERS):
            after = f"waited {duration(one.at - since.at)} for a person ({sentence(since.event)})"
            found.append(f"{after}; then {one.by}: {sentence(one.event)}")
            since = None
    return found + ([f"still waits for a person since {_when(since)}: {sentence(since.event)}"] if since else [])


def _checklist_was_whole(record: Sequence[Recorded]) -> list[str]:
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    if passed is None or not passed.items or any(one.mark != "done" for one in passed.items):
        return []
    return [f"the checklist was complete: {len(passed.items)} of {len(passed.items)} items"]


def _of_the_turn(record: Sequence[Recorded], turn: Turn) -> list[str]:
    told = []
    if turn.alone and turn.back is not None:
        told.append("it was rolled back by itself: no person was needed")
    if not any(isinstance(one.event, ev.TroubleReported) for one in record if one.number < turn.sign.number + 1):
        told += ["it was seen before any user's report was noted"] if turn.decided.by == "pilotage" else []
    if turn.back is not None and not turn.failed:
        took = "" if turn.took_s is None else f" in {turn.took_s:.2f} s"
        told.append(f"the first way back that was tried worked, {turn.method}{took}")
    elif turn.back is not None:
        steps = "a failed step" if len(turn.failed) == 1 else f"{len(turn.failed)} failed steps"
        told.append(f"after {steps} the way back by {turn.method} worked")
    told += _as_rehearsed(record, turn)
    if isinstance(turn.recovery, ev.RecoveryConfirmed):
        told.append(f"{sentence(turn.recovery)} ({duration(turn.recovery.took_s)} after the rollback)")
    return told


def _as_rehearsed(record: Sequence[Recorded], turn: Turn) -> list[str]:
    """The rehearsal's own event, or what the checklist's item has kept of it."""
    really = "" if turn.took_s is None else f"; it really took {turn.took_s:.2f} s"
    last = [one for one in record if isinstance(one.event, ev.Rehearsed) and not one.event.failed]
    if last:
        return [f"{sentence(last[-1].event)} (at {_when(last[-1])}){really}"]
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    kept = [one.evidence for one in passed.items if one.evidence.startswith("rehearsed at ")] if passed else []
    return [f"{kept[0]}{really}"] if kept else []


def _of_the_phases(plan: Plan, record: Sequence[Recorded]) -> list[str]:
    passed = [
        one.event.name
        for one in record
        if isinstance(one.event, ev.PhasePassed) and plan.phases[one.event.phase].judged
    ]
    told = [f"the judge passed {len(passed)} phases: {', '.join(passed)}"] if passed else []
    people = any(
        one.by != "pilotage" for one in record if not isinstance(one.event, ev.RolloutStarted | ev.ChecklistPassed)
    )
    if fold(record).status is Status.PROMOTED and not people:
        told.append("it was promoted by itself: no person was needed")
    return told


def _told_in_time(record: Sequence[Recorded], messages: Sequence[SentMessage]) -> list[str]:
    delays = [after for _, after in _delays(record, messages)]
    in_time = sum(after <= LATE_S for after in delays)
    return [f"{in_time} of {len(delays)} messages went out within {duration(LATE_S)}"] if in_time else []


def _delays(record: Sequence[Recorded], messages: Sequence[SentMessage]) -> list[tuple[str, float]]:
    """(title, seconds from the last event of its kind before it)."""
    found = []
    for one in messages:
        said = [event.at for event in record if event.event.kind == one.kind and event.at <= one.at]
        found += [(one.title, one.at - said[-1])] if said else []
    return found


def missing_data(samples: Sequence[Sample]) -> list[str]:
    """What could not be read, each reason once with how often."""
    taken = [one for one in samples if one.tick >= 0]
    faults: dict[str, int] = {}
    for one in taken:
        logs = one.reading.logs.missing if one.reading.logs else ""
        for why in (one.reading.fault, one.reading.tickets_fault, logs, *(guard.fault for guard in one.reading.guards)):
            if why:
                faults[why] = faults.get(why, 0) + 1
    told = [f"{count} of {len(taken)} samples: {why}" for why, count in faults.items()]
    gaps = [late.at - early.at for early, late in pairwise(taken) if early.phase == late.phase]
    usual = sorted(gaps)[len(gaps) // 2] if gaps else 0.0
    if gaps and max(gaps) > max(3 * usual, usual + 10):
        told.append(f"for {span(max(gaps))} no sample was taken (usually one every {span(usual)})")
    return told


def _when(one: Recorded) -> str:
    return clock_time(one.at)[11:]
