"""Going back beside a coordinator that is killed, frozen, locked out of its database, or well: it never undoes it."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

from tests.direct.world import World, coordinator, world
from tests.stage import wait_for

__all__ = ["coordinator", "world"]


def test_with_coordinator_and_engine_killed_the_rollout_ends_and_never_shifts_forward_again(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    assert world.rollback("--direct", rollout, "--reason", "errors at night").returncode == 0
    assert world.stage.weight() == 0
    calls = len(world.stage.calls())
    (journal,) = world.journals(rollout)
    world.coordinator.up()
    assert world.coordinator.ended(rollout)["status"] == "rolled back"
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)
    (noted,) = (one for one in world.record(rollout) if one["event"]["kind"] == "direct_rollback")
    assert (noted["event"]["reason"], noted["event"]["method"]) == ("errors at night", "traffic")
    assert noted["event"]["at"] == journal["at"]
    assert noted["by"] == journal["by"]
    later = world.stage.calls()[calls:]
    assert {one.split()[0].rsplit("/", 1)[0] for one in later} <= {rollout}
    assert (world.stage.weight(), len(later)) == (0, 2)
    wait_for(lambda: not (world.state / "rollouts" / f"{rollout}.json").exists(), 20)


def test_while_the_coordinator_lives_it_turns_its_rollout_back(world: World) -> None:
    rollout = world.start()
    snapshot = world.state / "rollouts" / f"{rollout}.json"
    assert snapshot.stat().st_mode & 0o777 == 0o600
    assert world.rollback("--direct").returncode == 0
    view = world.coordinator.ended(rollout, 20)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)
    wait_for(lambda: not snapshot.exists(), 10)


def test_a_step_forward_that_runs_is_ended_and_the_rollout_turns_back(world: World) -> None:
    rollout = world.start(until=10, phases="[{weight: 10%, watch: 3s}, {weight: 100%, watch: 600s}]")
    slow = world.mark("slow", "15")
    wait_for(lambda: len(world.stage.calls()) == 3, 60)
    slow.unlink()
    forward = world.stage.calls()[2].removesuffix(" begin")
    assert world.rollback("--direct", rollout).returncode == 0
    assert world.coordinator.ended(rollout, 20)["status"] == "rolled back"
    assert world.stage.weight() == 0
    assert f"{forward} end" not in world.stage.calls()


def test_a_command_that_a_killed_coordinator_has_left_running_cannot_undo_it(world: World) -> None:
    rollout = world.start(until=10, phases="[{weight: 10%, watch: 3s}, {weight: 100%, watch: 600s}]")
    slow = world.mark("slow", "15")
    wait_for(lambda: len(world.stage.calls()) == 3, 60)
    world.kill_both()
    slow.unlink()
    forward = world.stage.calls()[2].removesuffix(" begin")
    done = world.rollback("--direct", rollout)
    assert f"ended the command of call {forward}" in done.stdout
    assert world.stage.weight() == 0


def test_one_that_was_killed_itself_still_turns_the_rollout_back(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    broken = world.mark("broken")
    trying = world.begin("--direct", rollout)
    wait_for(lambda: bool(world.journals(rollout)), 30)
    trying.kill()
    trying.wait()
    broken.unlink()
    world.coordinator.up()
    assert (world.coordinator.ended(rollout)["status"], world.stage.weight()) == ("rolled back", 0)
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)


def test_going_back_from_a_plan_after_the_rollout_has_ended_is_in_its_record(world: World) -> None:
    rollout = world.start(until=100, phases="[{weight: 100%, watch: 2s}]")
    assert world.coordinator.ended(rollout)["status"] == "promoted"
    assert world.rollback("--direct", "plan.yaml").returncode == 0
    assert world.stage.weight() == 0
    wait_for(lambda: world.kinds(rollout)[-1] == "direct_rollback", 20)


def test_a_weight_that_was_taken_back_from_outside_turns_the_rollout_back(world: World, tmp_path: Path) -> None:
    """As from another host, whose journal the coordinator does not see."""
    rollout = world.start()
    world.kill_both()
    done = world.rollback("--direct", "plan.yaml", PILOTAGE_STATE=str(tmp_path / "other"))
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    assert world.journals(rollout) == []
    world.coordinator.up()
    view = world.coordinator.ended(rollout)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    assert "taken back from outside" in view["reason"]


def test_a_coordinator_that_cannot_be_started_as_its_database_is_held_is_done_without(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    holder = sqlite3.connect(world.state / "pilotage.db", timeout=20)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = world.rollback("--reason", "no database")
    finally:
        holder.close()
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    assert "The coordinator does not answer" in done.stderr
    assert "GOING BACK DIRECTLY" in done.stderr
    assert world.journals(rollout)[0]["reason"] == "no database"


def test_a_coordinator_that_cannot_use_its_database_is_done_without(world: World) -> None:
    rollout = world.start()
    holder = sqlite3.connect(world.state / "pilotage.db", timeout=20)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = world.rollback(rollout)
        assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    finally:
        holder.close()
    assert world.coordinator.ended(rollout, 60)["status"] == "rolled back"


def test_a_coordinator_that_is_frozen_is_done_without(world: World) -> None:
    rollout = world.start()
    os.kill(world.pid, signal.SIGSTOP)
    try:
        done = world.rollback(rollout)
    finally:
        os.kill(world.pid, signal.SIGCONT)
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    assert "GOING BACK DIRECTLY" in done.stderr
    assert world.coordinator.ended(rollout, 60)["status"] == "rolled back"


def test_a_splitter_that_is_slow_is_no_silent_coordinator(world: World) -> None:
    rollout = world.start()
    world.mark("slow", "12")
    done = world.rollback(rollout)
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    assert "GOING BACK DIRECTLY" not in done.stderr


def test_when_it_comes_back_it_renews_its_snapshots(world: World) -> None:
    rollout = world.start()
    folder = world.state / "rollouts"
    ended, strange = folder / f"{rollout}.json", folder / "shop-0101-000000-dead.json"
    kept = ended.read_text()
    assert world.rollback(rollout).returncode == 0
    running = folder / f"{world.start(service='another')}.json"
    world.kill_both()
    ended.write_text(kept)
    running.unlink()
    strange.write_text(kept)
    world.coordinator.up()
    wait_for(lambda: running.exists() and not ended.exists(), 20, lambda: f"{running.exists()} {ended.exists()}")
    assert strange.exists()


def test_a_coordinator_that_has_lost_its_database_is_done_without(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    for file in world.state.glob("*.db*"):
        file.unlink()
    world.coordinator.up()
    done = world.rollback(rollout)
    assert "The coordinator cannot do it" in done.stderr
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
