"""The draft of the review says what is known, and only that."""

from __future__ import annotations

import re
from dataclasses import replace

from pilotage.core import events as ev
from pilotage.core.model import Reading, Sample
from pilotage.core.observed import missing_data, waits
from pilotage.core.report import report
from pilotage.core.review import review
from pilotage.core.sent import SentMessage
from tests.core.afterwards import REHEARSED, story
from tests.core.worlds import plan


def draft() -> str:
    its = story()
    return review(its.plan, its.record, its.samples, its.verdicts, its.messages)


def part(text: str, heading: str) -> str:
    return re.split(r"^## ", text, flags=re.MULTILINE)[
        [one.split("\n")[0] for one in re.split(r"^## ", text, flags=re.MULTILINE)].index(heading)
    ]


def recorded(*told: tuple[float, str, ev.Event]) -> list[ev.Recorded]:
    return [ev.Recorded("r", number, at, by, event) for number, (at, by, event) in enumerate(told)]


def test_its_parts_come_in_the_order_in_which_people_ask() -> None:
    assert re.findall(r"^## (.*)$", draft(), re.MULTILINE) == [
        "Summary",
        "Impact",
        "Timeline",
        "Times",
        "What went back, and how",
        "What worked",
        "What did not",
        "Open questions",
        "Causes",
        "Action items",
        "The next try",
    ]


def test_the_timeline_has_what_matters_with_the_time_between_and_its_marks() -> None:
    timeline = part(draft(), "Timeline")
    rows = [[cell.strip() for cell in line.split(" | ")] for line in timeline.splitlines() if line.startswith("| 2")]
    assert [(row[1], row[4].rstrip(" |")) for row in rows if row[4].rstrip(" |")] == [
        ("+0.1 s", "first traffic"),
        ("+21 s", "detection, decision"),
        ("+0.3 s", "traffic back"),
        ("+2 min 10 s", "recovery"),
    ]
    assert "watching for" not in timeline
    assert "ticket opened" not in timeline


def test_what_worked_is_what_was_seen_to_work() -> None:
    worked = part(draft(), "What worked")
    assert "- it was rolled back by itself: no person was needed\n" in worked
    assert "- after a failed step the way back by switch worked\n" in worked
    assert f"- {REHEARSED}; it really took 0.40 s\n" in worked
    assert "- recovered: errors are at 1.0 % again (2 min 10 s after the rollback)\n" in worked
    assert "- 1 of 2 messages went out within 1 min" in worked
    assert "checklist was complete" not in worked  # one item was passed over


def test_what_did_not_work_has_the_failed_step_and_the_late_message() -> None:
    missed = part(draft(), "What did not")
    assert "- flag failed (the flag service answered HTTP 503); the next way is tried: switch (at 08:53:40)" in missed
    assert "- payment 2.4.1 was taken back went out 3 min 20 s after its event" in missed


def test_questions_come_from_what_was_seen() -> None:
    asked = part(draft(), "Open questions")
    assert "`NullPointerException at Checkout.address(Checkout.java:88)`: logged 14 times by the canary only" in asked
    assert "\n        at Checkout.address(Checkout.java:88)\n" in asked
    assert "Passed over: The build is green (the CI is down, built by hand). Would it have shown this?" in asked
    assert "Not seen: 1 of 3 samples: control's log is gone. What was missed?" in asked
    assert "What between 2.4.0 and 2.4.1 explains that?" in asked


def test_causes_are_left_to_people() -> None:
    causes = part(draft(), "Causes")
    assert causes.count("### ") == causes.count("(not known to Pilotage: for those who looked into it)") == 3


def test_follow_ups_are_its_action_items_and_the_next_try_names_what_to_mend() -> None:
    text = draft()
    assert "| Hold the review | owner | 2025-10-10 08:53:40 | planned | - | #42 |" in part(text, "Action items")
    assert part(text, "The next try").startswith(
        "The next try\n\n- Find the new version's errors in its logs, fix them, then start a new rollout.\n"
        "- Repair the way back first: flag failed"
    )


def test_of_an_empty_record_it_says_that_nothing_is_known() -> None:
    text = review(plan(), [], [], {})
    for said in (
        "The record is empty.",
        "It did not go back.",
        "Nothing went back.",
        "Nothing of it is in the record.",
        "The record has nothing that went wrong.",
        "The record and the samples leave none.",
        "No follow-up is planned.",
        "cannot be told: no requests were counted",
    ):
        assert said in text


def test_what_was_promoted_needs_no_next_try() -> None:
    record = recorded((0.0, "ann", ev.RolloutStarted()), (9.0, "pilotage", ev.Promoted("every criterion was met")))
    text = review(plan(), record, [], {})
    assert part(text, "The next try").strip().endswith("Nothing: it is in place.")
    assert "it was promoted by itself: no person was needed" in text


def test_a_checklist_without_a_gap_was_complete() -> None:
    items = (ev.Checked("a", "team", "A", "done"), ev.Checked("b", "team", "B", "done"))
    record = recorded((0.0, "ann", ev.RolloutStarted()), (0.0, "ann", ev.ChecklistPassed(items, late_s=120)))
    text = review(plan(), record, [], {})
    assert "the checklist was complete: 2 of 2 items" in part(text, "What worked")
    assert "the rollout began 2 min after its deadline" in part(text, "What did not")


def test_how_long_it_waited_for_a_person_is_said_each_time() -> None:
    record = recorded(
        (0.0, "pilotage", ev.ApprovalRequested(1, "50 %")),
        (600.0, "ann", ev.Approved(1, "looks well")),
        (700.0, "pilotage", ev.PersonNeeded(1, "decide")),
    )
    assert waits(record) == [
        "waited 10 min for a person (phase 50 % waits for an approval); then ann: approved: looks well",
        "still waits for a person since 00:11:40: a person is needed: decide",
    ]


def test_data_that_was_missing_is_counted_by_its_reason_and_gaps_are_named() -> None:
    taken = [Sample(0, tick, tick * 10.0, Reading(fault="" if tick % 2 else "no answer")) for tick in range(8)]
    taken[-1] = replace(taken[-1], at=300.0)
    assert missing_data(taken) == [
        "4 of 8 samples: no answer",
        "for 4 min no sample was taken (usually one every 10 s)",
    ]


def test_the_report_says_how_it_went_back_and_that_a_recovery_is_not_known() -> None:
    record = recorded(
        (0.0, "ann", ev.RolloutStarted()),
        (5.0, "pilotage", ev.LeastBadChosen(0, "hold", "the old version has the bug")),
        (65.0, "ann", ev.RollbackStarted(0, "decided")),
        (66.0, "pilotage", ev.RolledBack("decided", 1.0, "redeploy")),
    )
    text = report(plan(), record, [], {})
    assert "- Time to decide: 1 min from the first sign (not rolled back by itself, the plan says hold" in text
    assert "## Recovery\n\n- 00:00:05 not rolled back by itself" in text
    assert "- 00:01:06 rolled back in 1.00 s by redeploy\n" in text
    assert "whether the metrics came back to what they were is not in the record" in text


def test_the_report_has_the_messages_only_where_some_are_known() -> None:
    sent = SentMessage(0.0, "incident", "slack", "rolled_back", "payment | rolled back")
    assert "payment \\| rolled back |" in report(plan(), [], [], {}, messages=[sent])
    assert "## Messages" not in report(plan(), [], [], {})
