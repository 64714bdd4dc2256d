"""From the first traffic to the first sign, from there to the decision, and from there back."""

from __future__ import annotations

import pytest

from pilotage.core import events as ev
from pilotage.core.model import Action, Verdict
from pilotage.core.turn import Turn, turn_of

SHIFT: list[tuple[float, str, ev.Event]] = [
    (0.0, "ann", ev.RolloutStarted()),
    (1.0, "pilotage", ev.PhaseStarted(0, "10 %", 10)),
    (2.0, "pilotage", ev.WeightSet("flag", 10, 10, 0.02, "k")),
]
VERDICT = Verdict(Action.HOLD, "p95 is higher")
BACK = ev.RolledBack("p95 is higher", 0.2, "traffic")


def turn(*told: tuple[float, str, ev.Event]) -> Turn:
    record = [ev.Recorded("r", number, at, by, event) for number, (at, by, event) in enumerate([*SHIFT, *told])]
    found = turn_of(record)
    assert found is not None
    return found


def test_what_did_not_turn_back_has_no_turn() -> None:
    record = [ev.Recorded("r", number, at, by, event) for number, (at, by, event) in enumerate(SHIFT)]
    assert turn_of(record) is None


def test_a_sign_that_decides_is_detection_and_decision_in_one() -> None:
    found = turn((12.0, "pilotage", ev.RollbackStarted(0, "errors", VERDICT)), (12.5, "pilotage", BACK))
    assert (found.detect_s, found.decide_s, found.recover_s) == (10.0, 0.0, 0.5)
    assert found.sign is found.decided
    assert found.alone
    assert (found.method, found.took_s) == ("traffic", 0.2)


def test_a_hold_that_became_a_rollback_was_seen_when_it_was_held() -> None:
    found = turn(
        (12.0, "pilotage", ev.Held(0, "p95 is higher", VERDICT)),
        (612.0, "pilotage", ev.RollbackStarted(0, "held for 10 min", VERDICT)),
        (612.5, "pilotage", BACK),
    )
    assert (found.detect_s, found.decide_s, found.recover_s) == (10.0, 600.0, 0.5)


@pytest.mark.parametrize("well", [ev.HoldCleared(0, "fine"), ev.PhaseStarted(1, "50 %", 50), ev.Resumed(0, "fine")])
def test_what_was_well_again_was_no_sign_of_it(well: ev.Event) -> None:
    found = turn(
        (12.0, "pilotage", ev.Held(0, "p95 is higher", VERDICT)),
        (20.0, "pilotage", well),
        (21.0, "pilotage", ev.WeightSet("flag", 50, 50, 0.02, "k")),
        (30.0, "pilotage", ev.RollbackStarted(0, "errors", VERDICT)),
    )
    assert found.seen == 30.0
    assert found.back is None
    assert found.recover_s is None


def test_a_users_report_is_a_sign_and_the_one_who_goes_back_a_person() -> None:
    found = turn(
        (12.0, "support", ev.TroubleReported(0, "the page is blank")),
        (40.0, "ann", ev.RollbackStarted(0, "users say so")),
        (41.0, "pilotage", BACK),
    )
    assert (found.detect_s, found.decide_s) == (10.0, 28.0)
    assert not found.alone


def test_when_a_person_was_needed_it_was_not_alone() -> None:
    found = turn(
        (12.0, "pilotage", ev.RollbackStarted(0, "errors", VERDICT)),
        (13.0, "pilotage", ev.StepFailed("flag", "HTTP 503", "the next way is tried")),
        (14.0, "pilotage", ev.PersonNeeded(0, "no way back works")),
        (20.0, "pilotage", BACK),
    )
    assert not found.alone
    assert [one.number for one in found.failed] == [4]


def test_a_step_that_failed_before_the_decision_is_no_failed_way_back() -> None:
    found = turn(
        (5.0, "pilotage", ev.StepFailed("flag", "HTTP 503", "it is tried again")),
        (12.0, "pilotage", ev.RollbackStarted(0, "errors", VERDICT)),
        (13.0, "pilotage", BACK),
    )
    assert found.failed == ()


def test_a_direct_rollback_counts_from_when_it_was_done_not_from_when_it_was_noted() -> None:
    found = turn(
        (500.0, "ann", ev.DirectRollback("the coordinator is down", 30.0, "traffic", "flag set to 0", 0.5)),
        (501.0, "pilotage", BACK),
    )
    assert (found.decided_at, found.back, found.detect_s, found.recover_s) == (30.0, 30.5, 28.0, 0.5)
    assert (found.method, found.took_s, found.alone) == ("traffic", 0.5, False)


def test_a_direct_rollback_that_was_not_reached_brought_nobody_back() -> None:
    found = turn(
        (500.0, "ann", ev.DirectRollback("the coordinator is down", 30.0, "", "not reached; tried: traffic", 9.0)),
        (501.0, "pilotage", BACK),
    )
    assert (found.decided_at, found.back) == (30.0, 501.0)


def test_the_last_word_on_the_recovery_counts() -> None:
    found = turn(
        (12.0, "pilotage", ev.RollbackStarted(0, "errors", VERDICT)),
        (13.0, "pilotage", BACK),
        (300.0, "pilotage", ev.RecoveryDoubtful("errors are at 3 %", 287)),
        (400.0, "pilotage", ev.RecoveryConfirmed("errors are at 0.3 %", 387)),
    )
    assert isinstance(found.recovery, ev.RecoveryConfirmed)
