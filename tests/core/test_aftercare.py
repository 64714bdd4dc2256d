"""Which follow-ups are due when, for whom, and what is left when an aftermath was lost."""

from __future__ import annotations

from pilotage.core import events as ev
from pilotage.core.aftercare import left_open, looks_again, planned, reminds_again
from pilotage.core.preparing import Contact, FollowUp, Preparation
from pilotage.core.state import Status

UPS = (
    FollowUp(3600.0, "The fix holds", "on-call", "fix", "fix-holds", when="promoted"),
    FollowUp(60.0, "Tell everybody", "Bob", "told"),
    FollowUp(7200.0, "Find the cause", "owner", "cause", when="rolled-back"),
)
WHO = (Contact("on-call", "Ann", "@ann"), Contact("on-call", "", "#ops"), Contact("tester", "Tom"))
PREPARED = Preparation(follow_ups=UPS, contacts=WHO)


def record(*events: ev.Event, at: float = 1000.0) -> list[ev.Recorded]:
    return [ev.Recorded("r", number, at, "pilotage", event) for number, event in enumerate(events)]


def test_each_ending_has_its_own_the_first_due_first() -> None:
    assert [one.id for one in planned(PREPARED, Status.PROMOTED, 100.0)] == ["told", "fix"]
    back = planned(PREPARED, Status.ROLLED_BACK, 100.0)
    assert [(one.id, one.due_at) for one in back] == [("told", 160.0), ("cause", 7300.0)]


def test_a_role_is_the_people_whom_the_plan_names_and_a_name_stays() -> None:
    who = {one.id: one.who for one in planned(PREPARED, Status.PROMOTED, 0.0)}
    assert who == {"fix": "Ann @ann, #ops (on-call)", "told": "Bob"}
    assert planned(PREPARED, Status.ROLLED_BACK, 0.0)[1].who == "owner"


def test_looks_and_reminders_come_to_an_end() -> None:
    assert [looks_again(times) for times in range(1, 5)] == [600.0, 600.0, 600.0, None]
    assert [reminds_again(times) for times in range(1, 4)] == [86400.0, 2 * 86400.0, None]


def test_a_lost_aftermath_goes_on_with_what_is_open() -> None:
    rows = planned(PREPARED, Status.ROLLED_BACK, 100.0)
    came_back = ev.RecoveryConfirmed("all is well", 120.0)
    seen = record(came_back, ev.FollowUpsPlanned(rows), ev.FollowUpDone("told", "Tell everybody"))
    assert left_open(seen, Status.ROLLED_BACK) == ((rows[1], 7300.0, False),)
    reminded = record(came_back, ev.FollowUpsPlanned(rows), ev.FollowUpDue("told", "Tell everybody"))
    assert left_open(reminded, Status.ROLLED_BACK) == ((rows[0], 1000.0 + 86400.0, False), (rows[1], 7300.0, False))


def test_one_that_was_lost_earlier_begins_where_it_was() -> None:
    assert left_open(record(ev.RolledBack("errors", 0.2)), Status.ROLLED_BACK) is None
    assert left_open(record(ev.Promoted("all is well")), Status.PROMOTED) is None
    back = record(ev.RolledBack("errors", 0.2), ev.RecoveryDoubtful("no data", 300.0))
    assert left_open(back, Status.ROLLED_BACK) == ()
