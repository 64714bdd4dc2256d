"""Where follow-ups stand, read from the record."""

from __future__ import annotations

from pilotage.core import events as ev
from pilotage.core.followups import FollowUpState, follow_ups

ERRORS = ev.PlannedFollowUp("errors", 900.0, "Look at the error log", "on-call", "logs")
REVIEW = ev.PlannedFollowUp("review", 86400.0, "Hold the review", "owner", ticket=True)


def states(*told: tuple[float, str, ev.Event]) -> tuple[FollowUpState, ...]:
    return follow_ups([ev.Recorded("r", number, at, by, event) for number, (at, by, event) in enumerate(told)])


PLANNED = (10.0, "pilotage", ev.FollowUpsPlanned((REVIEW, ERRORS)))


def test_planned_they_stand_by_their_due_time() -> None:
    errors, hold = states(PLANNED)
    assert errors == FollowUpState("errors", 900.0, "Look at the error log", "on-call", "logs", by="pilotage", at=10.0)
    assert (hold.id, hold.ticket, hold.status) == ("review", True, "planned")


def test_nothing_planned_is_nothing() -> None:
    assert states((0.0, "ann", ev.RolloutStarted())) == ()


def test_due_then_done_says_who_when_and_what_was_seen() -> None:
    (errors, _) = states(
        PLANNED,
        (901.0, "pilotage", ev.FollowUpDue("errors", "Look at the error log", "on-call")),
        (950.0, "ann", ev.FollowUpDone("errors", "Look at the error log", "nothing new")),
    )
    assert (errors.status, errors.by, errors.at, errors.evidence) == ("done", "ann", 950.0, "nothing new")


def test_a_reminder_reopens_nothing() -> None:
    due = ev.FollowUpDue("errors", "Look at the error log", times=1)
    (done, _) = states(PLANNED, (1.0, "ann", ev.FollowUpDone("errors", "x")), (2.0, "pilotage", due))
    assert done.status == "done"
    (failed, _) = states(PLANNED, (1.0, "ann", ev.FollowUpFailed("errors", "x", "5 new")), (2.0, "pilotage", due))
    assert (failed.status, failed.evidence) == ("failed", "5 new")


def test_what_failed_may_be_done_later() -> None:
    (errors, _) = states(
        PLANNED,
        (1.0, "pilotage", ev.FollowUpFailed("errors", "x", "5 new errors", "escalation")),
        (2.0, "ann", ev.FollowUpDone("errors", "x", "they are of another service")),
    )
    assert (errors.status, errors.who, errors.by) == ("done", "escalation", "ann")


def test_a_ticket_is_where_the_work_went_on_and_no_end() -> None:
    (_, hold) = states(PLANNED, (1.0, "pilotage", ev.TicketOpened("review", "Hold the review", "#42")))
    assert (hold.where, hold.status) == ("#42", "planned")


def test_planned_again_it_keeps_what_has_come_of_it() -> None:
    (errors, _) = states(PLANNED, (1.0, "ann", ev.FollowUpDone("errors", "x", "seen")), PLANNED)
    assert (errors.status, errors.evidence) == ("done", "seen")


def test_what_nobody_planned_is_not_lost() -> None:
    (only,) = states((5.0, "pilotage", ev.FollowUpFailed("odd", "Look at it", "it is red")))
    assert (only.id, only.text, only.due_at, only.status) == ("odd", "Look at it", 5.0, "failed")
