"""Somebody else changes the weight in the middle of a phase, or the splitter falls silent: on the real engine."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.engine.test_rollouts import WATCHED, kinds, order, start
from tests.stage import Local, Stage, wait_for


def watched(coordinator: Local, stage: Stage, service: str, more: str = "") -> str:
    """A rollout that is being watched at 10 %."""
    rollout = start(coordinator, stage, service, phases=WATCHED, more=more)
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    return rollout


def change(stage: Stage, weight: str) -> None:
    (stage.folder / "changed").write_text(weight)
    (stage.folder / "changed").replace(stage.folder / "weight")


def test_a_changed_weight_holds_and_going_on_sets_it_again(coordinator: Local, stage: Stage) -> None:
    rollout = watched(coordinator, stage, "changed")
    change(stage, "40")
    view = coordinator.until(rollout, lambda view: view["needs_person"])
    assert view["status"] == "held"
    assert "sends 40 % to the canary though 10 % was set" in view["reason"]
    assert order(coordinator, rollout, "resume")["status"] == "watching"
    wait_for(lambda: stage.weight() == 10, 20)
    order(coordinator, rollout, "rollback")
    assert coordinator.ended(rollout)["status"] == "rolled back"


def test_a_weight_that_is_put_back_clears_the_hold(coordinator: Local, stage: Stage) -> None:
    rollout = watched(coordinator, stage, "put-back")
    change(stage, "40")
    coordinator.until(rollout, lambda view: view["status"] == "held")
    change(stage, "10")
    coordinator.until(rollout, lambda view: view["status"] == "watching")
    assert "hold_cleared" in kinds(coordinator, rollout)
    order(coordinator, rollout, "rollback")


def test_where_the_plan_says_restore_it_is_set_again_by_itself_until_it_is_too_often(
    coordinator: Local, stage: Stage
) -> None:
    rollout = watched(coordinator, stage, "restores", more="drift: restore")
    for number in range(1, 4):
        change(stage, "40")
        coordinator.until(rollout, lambda _: stage.weight() == 10)
        assert kinds(coordinator, rollout).count("weight_drifted") == number
    change(stage, "40")
    view = coordinator.until(rollout, lambda view: view["needs_person"])
    assert (view["status"], stage.weight()) == ("held", 40)
    assert "for the 4th time in this phase" in view["reason"]
    order(coordinator, rollout, "rollback")
    assert stage.weight() == 0


def test_a_weight_taken_to_nothing_is_a_rollback_and_is_not_set_again(coordinator: Local, stage: Stage) -> None:
    rollout = watched(coordinator, stage, "taken", more="drift: restore")
    change(stage, "0")
    view = coordinator.ended(rollout)
    assert (view["status"], stage.weight()) == ("rolled back", 0)
    assert "taken back from outside" in view["reason"]


def test_a_splitter_that_falls_silent_holds_the_rollout_until_it_answers(coordinator: Local, stage: Stage) -> None:
    rollout = watched(coordinator, stage, "silent")
    (stage.folder / "mute").touch()
    view = coordinator.until(rollout, lambda view: view["status"] == "held")
    assert "cannot be read for 2 ticks" in view["reason"]
    (stage.folder / "mute").unlink()
    coordinator.until(rollout, lambda view: view["status"] == "watching")
    order(coordinator, rollout, "rollback")
    assert stage.weight() == 0


def test_a_weight_that_stays_changed_is_one_hold_and_one_question(coordinator: Local, stage: Stage) -> None:
    rollout = watched(coordinator, stage, "stays")
    change(stage, "40")
    coordinator.until(rollout, lambda view: view["needs_person"])
    requests = stage.rate * 4  # four seconds: eight ticks
    before = stage.served()
    wait_for(lambda: stage.served() > before + requests, 30)
    seen = kinds(coordinator, rollout)
    assert (seen.count("held"), seen.count("person_needed"), seen.count("hold_cleared")) == (1, 1, 0)
    order(coordinator, rollout, "rollback")


def being_set_again(coordinator: Local, stage: Stage, service: str) -> str:
    """A rollout that somebody has resumed after a change: the command that sets its weight again runs for seconds."""
    rollout = watched(coordinator, stage, service)
    change(stage, "40")
    coordinator.until(rollout, lambda view: view["needs_person"])
    calls = len(stage.calls())
    (stage.folder / "slow").write_text("5")
    order(coordinator, rollout, "resume")
    wait_for(lambda: len(stage.calls()) > calls, 20)
    (stage.folder / "slow").unlink()
    return rollout


def test_a_rollback_overtakes_a_weight_that_is_being_set_again(coordinator: Local, stage: Stage) -> None:
    rollout = being_set_again(coordinator, stage, "overtakes")
    assert order(coordinator, rollout, "rollback")["done"] is True
    assert (coordinator.view(rollout)["status"], stage.weight()) == ("rolled back", 0)
    assert kinds(coordinator, rollout)[-1] != "resumed"


def test_a_direct_rollback_during_that_ends_the_rollout_too(coordinator: Local, stage: Stage) -> None:
    rollout = being_set_again(coordinator, stage, "directly")
    argv = [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout]
    subprocess.run(argv, env={**os.environ, "PILOTAGE_STATE": str(coordinator.state)}, check=True, capture_output=True)
    assert coordinator.ended(rollout)["status"] == "rolled back"
    assert stage.weight() == 0


def test_the_last_phase_is_not_promoted_at_another_weight(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "last", phases="[{weight: 100%, watch: 3s}]")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    change(stage, "60")
    view = coordinator.until(rollout, lambda view: view["needs_person"])
    assert view["status"] == "held"
    before = stage.served()
    wait_for(lambda: stage.served() > before + stage.rate * 4, 30)  # its time is over
    assert coordinator.view(rollout)["status"] == "held"
    order(coordinator, rollout, "promote")
    assert coordinator.ended(rollout)["status"] == "promoted"
    assert stage.weight() == 100
