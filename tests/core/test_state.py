"""Where a rollout stands, and what it accepts."""

from __future__ import annotations

import pytest

from pilotage.core import events as ev
from pilotage.core.errors import Refused
from pilotage.core.state import Command, Status, check_command, fold

ALL: list[ev.Event] = [
    ev.RolloutStarted(),
    ev.PhaseStarted(1, "10 %", 10),
    ev.WeightSet("proxy", 10, 9.9, 0.1, "k"),
    ev.WatchStarted(1, 600),
]


def record(*events: ev.Event) -> list[ev.Recorded]:
    return [ev.Recorded("r", number, 0.0, "pilotage", event) for number, event in enumerate(events)]


def test_the_weight_is_the_one_in_force_not_the_one_wished_for() -> None:
    assert fold(record(*ALL)).weight == 9.9


def test_a_hold_that_clears_goes_back_to_watching() -> None:
    assert fold(record(*ALL, ev.Held(1, "no data"), ev.HoldCleared(1, "data again"))).status is Status.WATCHING


def test_numbers_go_on_after_the_last_event() -> None:
    assert fold(record(*ALL)).next_number == 4


@pytest.mark.parametrize("status", [status for status in Status if not status.ended])
def test_rollback_is_accepted_in_every_state_that_has_not_ended(status: Status) -> None:
    check_command(status, Command.ROLLBACK)


@pytest.mark.parametrize("command", [one for one in Command if one is not Command.ANNOUNCE])
def test_a_promoted_rollout_accepts_nothing_more(command: Command) -> None:
    with pytest.raises(Refused, match="has ended"):
        check_command(Status.PROMOTED, command)


@pytest.mark.parametrize("status", list(Status))
def test_words_are_accepted_in_every_state_and_never_offered_as_a_decision(status: Status) -> None:
    check_command(status, Command.ANNOUNCE)
    assert not Command.ANNOUNCE.decides
    if status is Status.WATCHING:
        with pytest.raises(Refused) as refused:
            check_command(status, Command.APPROVE)
        assert "announce" not in str(refused.value)


def test_a_refusal_names_what_is_possible_instead() -> None:
    with pytest.raises(Refused, match=r"cannot approve while the rollout is watching\. Now possible: pause, hold"):
        check_command(Status.WATCHING, Command.APPROVE)
