"""`pilotage rollback` when there is no coordinator, no engine, no database: the traffic goes back all the same."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.direct.world import REDEPLOY, World, environment, pilotage, world
from tests.stage import wait_for

__all__ = ["world"]


def test_with_coordinator_and_engine_killed_it_goes_back_and_never_shifts_forward_again(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    done = world.rollback("--direct", rollout, "--reason", "errors at night")
    assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    assert "splitter: 0 % in force" in done.stdout
    (journal,) = world.journals(rollout)
    assert (journal["method"], journal["finished"], journal["reason"]) == ("traffic", True, "errors at night")
    calls = len(world.stage.calls())
    world.coordinator.up()
    view = world.coordinator.ended(rollout)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    assert world.kinds(rollout).count("direct_rollback") == 1
    noted = next(one for one in world.record(rollout) if one["event"]["kind"] == "direct_rollback")
    assert noted["event"]["reason"] == "errors at night"
    assert (noted["event"]["method"], noted["event"]["at"]) == ("traffic", journal["at"])
    assert [one for one in world.stage.calls()[calls:] if one.startswith("50 ")] == []


def test_while_the_coordinator_lives_it_turns_its_rollout_back(world: World) -> None:
    rollout = world.start()
    assert world.rollback("--direct").returncode == 1
    view = world.coordinator.ended(rollout, 20)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)


def test_a_step_forward_that_runs_is_ended_and_the_rollout_turns_back(world: World) -> None:
    rollout = world.start(until=10, phases="[{weight: 10%, watch: 3s}, {weight: 100%, watch: 600s}]")
    (world.stage.folder / "slow").write_text("15")
    wait_for(lambda: len(world.stage.calls()) == 3, 30)
    (world.stage.folder / "slow").unlink()
    assert world.rollback("--direct", rollout).returncode == 1
    assert world.coordinator.ended(rollout, 20)["status"] == "rolled back"
    assert world.stage.weight() == 0
    assert [one for one in world.stage.calls() if one.endswith("end")][1:]


def test_a_command_that_a_killed_coordinator_has_left_running_cannot_undo_it(world: World) -> None:
    rollout = world.start(until=10, phases="[{weight: 10%, watch: 3s}, {weight: 100%, watch: 600s}]")
    (world.stage.folder / "slow").write_text("3")
    wait_for(lambda: len(world.stage.calls()) == 3, 30)
    world.kill_both()
    (world.stage.folder / "slow").unlink()
    forward = world.stage.calls()[2].removesuffix(" begin")
    done = world.rollback("--direct", rollout)
    assert f"ended the command of call {forward}" in done.stdout
    assert f"{forward} end" not in world.stage.calls()
    assert world.stage.weight() == 0


def test_a_database_that_another_process_holds_is_not_needed(world: World) -> None:
    rollout = world.start()
    holder = sqlite3.connect(world.state / "pilotage.db", timeout=20)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        done = world.rollback("--direct", rollout)
        assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    finally:
        holder.rollback()
        holder.close()
    assert world.coordinator.ended(rollout, 30)["status"] == "rolled back"


def test_a_splitter_that_fails_is_tried_again_while_the_next_way_begins(world: World) -> None:
    rollout = world.start(more=REDEPLOY)
    world.kill_both()
    (world.stage.folder / "broken").touch()
    done = world.rollback("--direct", rollout)
    assert done.returncode == 1, done.stderr
    assert (world.stage.folder / "deployed").read_text().split() == ["2.0", "1.0"]
    assert "the splitter is broken" in done.stdout
    assert "beside it redeploy begins" in done.stdout
    assert "rolled back by redeploy" in done.stdout
    assert "in force: splitter 50 %" in done.stdout
    assert world.journals(rollout)[0]["method"] == "redeploy"


def test_a_splitter_that_comes_back_is_set_in_the_end(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    (world.stage.folder / "broken").touch()
    trying = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout],
        env=environment(world.state),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert trying.stdout is not None
    for line in trying.stdout:
        if "is tried again" in line:
            (world.stage.folder / "broken").unlink(missing_ok=True)
    assert (trying.wait(30), world.stage.weight()) == (1, 0)


def test_a_hopeless_try_ends_within_the_time_asked_for_and_says_what_is_in_force(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    (world.stage.folder / "broken").touch()
    done = world.rollback("--direct", rollout, "--within", "2")
    assert done.returncode == 4
    assert "in force: splitter 50 %" in done.stdout
    assert "NOT ROLLED BACK" in done.stdout
    (journal,) = world.journals(rollout)
    assert (journal["method"], journal["finished"]) == ("", True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_what_was_reached(world: World, number: signal.Signals) -> None:
    rollout = world.start()
    world.kill_both()
    (world.stage.folder / "broken").touch()
    trying = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout],
        env=environment(world.state),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert trying.stdout is not None
    said = [next(trying.stdout) for _ in range(2)]
    trying.send_signal(number)
    said += list(trying.stdout)
    assert trying.wait(30) == 4
    assert "in force: splitter 50 %" in "".join(said)
    assert world.journals(rollout)[0]["finished"]


def test_one_that_was_killed_still_turns_the_rollout_back(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    (world.stage.folder / "broken").touch()
    trying = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout],
        env=environment(world.state),
        stdout=subprocess.PIPE,
    )
    wait_for(lambda: bool(world.journals(rollout)), 20)
    trying.kill()
    trying.wait()
    (world.stage.folder / "broken").unlink()
    world.coordinator.up()
    assert (world.coordinator.ended(rollout)["status"], world.stage.weight()) == ("rolled back", 0)
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)


def test_a_terminal_that_goes_away_does_not_end_it(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    (world.stage.folder / "broken").touch()
    trying = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout],
        env=environment(world.state),
        stdout=subprocess.PIPE,
    )
    assert trying.stdout is not None
    next(iter(trying.stdout))
    trying.stdout.close()
    trying.send_signal(signal.SIGHUP)
    (world.stage.folder / "broken").unlink()
    trying.wait(60)
    assert world.stage.weight() == 0
    assert world.journals(rollout)[0]["method"] == "traffic"


def test_a_snapshot_that_is_damaged_is_said_and_the_plan_file_helps(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    snapshot = world.state / "rollouts" / f"{rollout}.json"
    snapshot.write_text(snapshot.read_text()[:200])
    for name in (rollout, "latest"):
        done = world.rollback("--direct", name)
        assert done.returncode == 4
        assert "is damaged" in done.stderr
        assert "`pilotage rollback --direct plan.yaml`" in done.stderr
    done = world.rollback("--direct", "plan.yaml")
    assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    world.coordinator.up()
    view = world.coordinator.ended(rollout)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    wait_for(lambda: "direct_rollback" in world.kinds(rollout), 20)


def test_a_plan_file_takes_the_id_of_its_rollout(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    assert world.rollback("--direct", "plan.yaml").returncode == 1
    assert world.journals(rollout)[0]["rollout"] == rollout


def test_an_id_that_is_not_known_is_said_with_those_that_are(world: World) -> None:
    rollout = world.start()
    done = world.rollback("--direct", "shop-0101-000000-0000")
    assert done.returncode == 4
    assert rollout in done.stderr
    assert world.stage.weight() == 50
    assert world.rollback("--direct", "..%2F..").returncode == 4


def test_a_rollout_that_has_ended_has_no_snapshot_any_more(world: World) -> None:
    rollout = world.start()
    assert (world.state / "rollouts" / f"{rollout}.json").stat().st_mode & 0o777 == 0o600
    assert world.rollback(rollout).returncode == 0
    wait_for(lambda: not (world.state / "rollouts" / f"{rollout}.json").exists(), 10)


def test_going_back_from_a_plan_after_the_rollout_has_ended_is_in_its_record(world: World) -> None:
    rollout = world.start(until=100, phases="[{weight: 100%, watch: 2s}]")
    assert world.coordinator.ended(rollout)["status"] == "promoted"
    assert world.rollback("--direct", "plan.yaml").returncode == 1
    assert world.stage.weight() == 0
    wait_for(lambda: world.kinds(rollout)[-1] == "direct_rollback", 20)


def test_a_weight_that_was_taken_back_from_outside_turns_the_rollout_back(world: World, tmp_path: Path) -> None:
    """As from another host, whose journal the coordinator does not see."""
    rollout = world.start()
    world.kill_both()
    other = tmp_path / "other"
    done = world.rollback("--direct", "plan.yaml", PILOTAGE_STATE=str(other))
    assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    assert world.journals(rollout) == []
    world.coordinator.up()
    view = world.coordinator.ended(rollout)
    assert (view["status"], world.stage.weight()) == ("rolled back", 0)
    assert "taken back from outside" in view["reason"]


def test_a_coordinator_that_cannot_be_started_is_done_without(world: World) -> None:
    rollout = world.start()
    world.kill_both()
    holder = sqlite3.connect(world.state / "pilotage.db", timeout=20)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        done = world.rollback("--reason", "no database")
    finally:
        holder.close()
    assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    assert "The coordinator does not answer" in done.stderr
    assert "GOING BACK DIRECTLY" in done.stderr
    assert world.journals(rollout)[0]["reason"] == "no database"


def test_a_coordinator_that_is_silent_is_done_without(world: World) -> None:
    rollout = world.start()
    pid = json.loads((world.state / "coordinator.json").read_text())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = world.rollback(rollout)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (done.returncode, world.stage.weight()) == (1, 0), done.stderr
    assert "GOING BACK DIRECTLY" in done.stderr
    assert world.coordinator.ended(rollout, 60)["status"] == "rolled back"


def test_a_splitter_that_is_slow_is_no_silent_coordinator(world: World) -> None:
    rollout = world.start()
    (world.stage.folder / "slow").write_text("12")
    done = world.rollback(rollout)
    assert (done.returncode, world.stage.weight()) == (0, 0), done.stderr
    assert "GOING BACK DIRECTLY" not in done.stderr


def test_the_newest_of_another_host_is_not_guessed(world: World) -> None:
    world.start()
    done = world.rollback(PILOTAGE_URL="http://127.0.0.1:9", PILOTAGE_TOKEN="x")
    assert done.returncode != 0
    assert "Say which one" in done.stderr
    assert world.stage.weight() == 50


def test_a_secret_is_in_no_snapshot_journal_or_output(world: World) -> None:
    planted = "planted-4c1d77e0"
    rollout = world.start(more="notify:\n  - {driver: webhook, url: 'http://127.0.0.1:9/', secret: {env: HOOK_KEY}}")
    world.kill_both()
    done = world.rollback("--direct", rollout, "--reason", f"token={planted}", HOOK_KEY=planted)
    assert done.returncode == 1
    assert planted not in done.stdout + done.stderr
    for file in world.state.rglob("*"):
        assert not file.is_file() or planted.encode() not in file.read_bytes(), file


def test_it_answers_a_program_in_json(world: World) -> None:
    rollout = world.start()
    done = pilotage(world, "rollback", "--direct", "--json")
    answer = json.loads(done.stdout)
    assert (answer["id"], answer["done"], answer["method"]) == (rollout, True, "traffic")


def test_going_back_imports_neither_server_nor_engine_nor_database() -> None:
    code = (
        "import sys, pilotage.cli.direct, pilotage.direct.back, pilotage.direct.finding; "
        "import pilotage.drivers.traffic.envoy; "
        "heavy = {'temporalio', 'fastapi', 'uvicorn', 'rich', 'sqlalchemy', 'numpy', 'structlog', 'jinja2'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == ""
