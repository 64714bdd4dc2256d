"""The watchdog goes back when the coordinator is silent in the middle of a rollout, and never otherwise."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.direct.world import REDEPLOY, World, environment, pilotage, world
from tests.stage import wait_for

__all__ = ["world"]

LIMIT_S = 6
LATE_S = 5
SILENCE = f"watchdog: {{silence: {LIMIT_S}s}}\n"


class Dog:
    """A watchdog's process; `heard` is what it has said so far."""

    def __init__(self, state: Path, *options: str, **more: str) -> None:
        state.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pilotage", "watchdog", "--every", "0.5s", *options],
            env=environment(state, **more),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard += line

    def says(self, text: str, seconds: float = 30) -> None:
        wait_for(lambda: text in self.heard, seconds, lambda: f"{text!r} not in:\n{self.heard}")


@contextmanager
def a_dog(state: Path, *options: str, **more: str) -> Iterator[Dog]:
    dog = Dog(state, *options, **more)
    try:
        yield dog
    finally:
        dog.process.send_signal(signal.SIGCONT)
        dog.process.terminate()
        dog.process.wait(20)


def stays(world: World, weight: float, seconds: float) -> None:
    """The time itself is what is tested here: nothing may happen in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert world.stage.weight() == weight
        time.sleep(0.2)


def test_it_goes_back_when_coordinator_and_engine_are_killed(world: World) -> None:
    rollout = world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says(f"{rollout}: splitter:")
        world.kill_both()
        began = time.monotonic()
        wait_for(lambda: world.stage.weight() == 0, 30, lambda: dog.heard)
        assert LIMIT_S - 1 <= time.monotonic() - began <= LIMIT_S + LATE_S
        dog.says("ROLLED BACK by traffic")
        (journal,) = world.journals(rollout)
        assert journal["by"].startswith("watchdog@")
        assert "silent for" in journal["reason"]
        world.coordinator.up()
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        assert world.kinds(rollout).count("direct_rollback") == 1
        assert world.stage.weight() == 0


def test_it_leaves_a_coordinator_alone_that_answers_slowly_is_restarted_or_loses_its_engine(world: World) -> None:
    rollout = world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        world.coordinator.kill_engine()
        stays(world, 50, 2)
        world.coordinator.kill_worker()
        stays(world, 50, LIMIT_S / 3)
        world.coordinator.up()
        pid = json.loads((world.state / "coordinator.json").read_text())["pid"]
        for _ in range(3):
            os.kill(pid, signal.SIGSTOP)
            stays(world, 50, 3)
            os.kill(pid, signal.SIGCONT)
            stays(world, 50, 0.7)
        assert "GOING BACK" not in dog.heard
        assert world.journals(rollout) == []


def test_a_coordinator_that_hangs_is_silent(world: World) -> None:
    rollout = world.start(more=SILENCE)
    pid = json.loads((world.state / "coordinator.json").read_text())["pid"]
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: world.stage.weight() == 0, 60, lambda: dog.heard)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        assert world.stage.weight() == 0


def test_one_that_was_stopped_for_longer_than_the_limit_looks_before_it_acts(world: World) -> None:
    world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        dog.process.send_signal(signal.SIGSTOP)
        stays(world, 50, LIMIT_S + 6)
        dog.process.send_signal(signal.SIGCONT)
        stays(world, 50, 3)
        assert "GOING BACK" not in dog.heard


def test_it_leaves_alone_what_has_ended(world: World) -> None:
    promoted = world.start(until=100, phases="[{weight: 100%, watch: 1s}]", more=SILENCE)
    world.coordinator.ended(promoted)
    with a_dog(world.state) as dog:
        dog.says("the coordinator answers")
        world.kill_both()
        stays(world, 100, LIMIT_S + LATE_S)
        assert "GOING BACK" not in dog.heard


def test_a_snapshot_that_outlived_its_rollout_is_checked_against_the_record(world: World) -> None:
    rollout = world.start(until=100, phases="[{weight: 100%, watch: 3s}]", more=SILENCE)
    snapshot = world.state / "rollouts" / f"{rollout}.json"
    kept = snapshot.read_text()
    world.coordinator.ended(rollout)
    world.kill_both()
    snapshot.write_text(kept)
    with a_dog(world.state) as dog:
        dog.says("its record says that it has ended")
        stays(world, 100, 2)


def test_a_rollout_at_0_percent_is_only_noted(world: World) -> None:
    phases = "[{weight: 10%, watch: 1s, approval: true}, {weight: 100%, watch: 1s}]"
    body = world.stage.plan(phases=phases, more=SILENCE)
    rollout = str(world.coordinator.api.post("/v1/rollouts", body)["id"])
    world.coordinator.until(rollout, lambda view: view["status"] == "awaiting approval")
    world.kill_both()
    with a_dog(world.state) as dog:
        dog.says("every splitter sends 0 % already")
        assert world.journals(rollout) == []
        assert world.stage.calls() == []
    world.coordinator.up()
    assert world.coordinator.view(rollout)["status"] == "awaiting approval"


def test_it_goes_on_trying_takes_the_next_way_and_ends_when_the_coordinator_is_back(world: World) -> None:
    rollout = world.start(more=SILENCE)
    (world.stage.folder / "broken").touch()
    with a_dog(world.state) as dog:
        world.kill_both()
        dog.says("traffic is tried again", 60)
        world.coordinator.up()
        dog.says("NOT ROLLED BACK yet")
        (world.stage.folder / "broken").unlink()
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        assert world.stage.weight() == 0


def test_nothing_is_sent_to_what_its_probe_says_is_gone(world: World) -> None:
    probe = REDEPLOY.replace("redeploy]}", "redeploy], probe: {check: command, command: ['false']}}")
    rollout = world.start(more=SILENCE + probe)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        world.kill_both()
        dog.says("ROLLED BACK by redeploy", 60)
        assert "nothing is sent to 1.0" in dog.heard
        assert world.stage.weight() == 50
        assert world.journals(rollout)[0]["method"] == "redeploy"


def test_from_another_host_it_knows_the_plans_acts_and_tells(world: World, tmp_path: Path) -> None:
    rollout = world.start(more=SILENCE)
    note = json.loads((world.state / "coordinator.json").read_text())
    token = tmp_path / "token"
    token.write_text(note["token"])
    port = int(note["url"].rsplit(":", 1)[1])
    other = tmp_path / "other"
    with a_dog(other, "--coordinator", note["url"], "--token-file", str(token)) as dog:
        dog.says(f"{rollout}: splitter:")
        (copy,) = (other / "elsewhere" / "rollouts").glob("*.json")
        assert copy.stat().st_mode & 0o777 == 0o600
        doctor = pilotage(world, "doctor").stdout
        assert "watchdog@" in doctor
    world.kill_both()
    with a_dog(other, "--coordinator", note["url"], "--token-file", str(token)) as dog:
        wait_for(lambda: world.stage.weight() == 0, 30, lambda: dog.heard)
        dog.says("ROLLED BACK by traffic")
        assert world.journals(rollout) == []
        world.coordinator.up(port)
        token.write_text(json.loads((world.state / "coordinator.json").read_text())["token"])
        dog.says("the coordinator knows now what was done", 60)
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        wait_for(lambda: world.kinds(rollout).count("direct_rollback") == 1, 20)
        assert world.stage.weight() == 0


def test_a_token_that_is_refused_is_a_sign_of_life(world: World, tmp_path: Path) -> None:
    world.start(more=SILENCE)
    note = json.loads((world.state / "coordinator.json").read_text())
    other = tmp_path / "other"
    with a_dog(other, "--coordinator", note["url"], PILOTAGE_TOKEN=note["token"]) as dog:
        dog.says("is rolled back")
    with a_dog(other, "--coordinator", note["url"], PILOTAGE_TOKEN="an old one") as dog:
        dog.says("tells nothing (HTTP 401")
        stays(world, 50, LIMIT_S + LATE_S)
        assert "GOING BACK" not in dog.heard


def test_what_was_heard_of_long_ago_is_left_alone(world: World, tmp_path: Path) -> None:
    rollout = world.start(more=SILENCE)
    note = json.loads((world.state / "coordinator.json").read_text())
    other = tmp_path / "other"
    with a_dog(other, "--coordinator", note["url"], PILOTAGE_TOKEN=note["token"]) as dog:
        dog.says("is rolled back")
    world.kill_both()
    copy = other / "elsewhere" / "rollouts" / f"{rollout}.json"
    os.utime(copy, (time.time() - 3600, time.time() - 3600))
    with a_dog(other, "--coordinator", note["url"], PILOTAGE_TOKEN=note["token"]) as dog:
        dog.says("it may have ended since")
        stays(world, 50, 2)


def test_a_database_that_is_held_for_longer_than_the_limit_is_no_coordinator(world: World) -> None:
    """It answers that it cannot: then nothing is judged, and nothing could be taken back by it."""
    world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        holder = sqlite3.connect(world.state / "pilotage.db", timeout=20)
        try:
            holder.execute("BEGIN EXCLUSIVE")
            wait_for(lambda: world.stage.weight() == 0, 60, lambda: dog.heard)
        finally:
            holder.close()


def test_a_second_one_on_the_same_folder_says_so(world: World) -> None:
    with a_dog(world.state) as dog:
        dog.says("the coordinator answers")
        second = pilotage(world, "watchdog")
        assert second.returncode == 5
        assert "already runs" in second.stderr


def test_it_ends_by_itself_when_nothing_runs(world: World) -> None:
    done = pilotage(world, "watchdog", "--once-idle")
    assert done.returncode == 0
    assert "nothing is left to watch" in done.stderr


def test_a_secret_is_in_nothing_that_it_says_or_keeps(world: World) -> None:
    planted = "planted-99c0ffee"
    more = f"{SILENCE}notify:\n  - {{driver: webhook, url: 'http://127.0.0.1:9/', secret: {{env: HOOK_KEY}}}}"
    world.start(more=more)
    with a_dog(world.state, HOOK_KEY=planted) as dog:
        world.kill_both()
        dog.says("ROLLED BACK", 60)
        assert planted not in dog.heard
    for file in world.state.rglob("*"):
        assert not file.is_file() or planted.encode() not in file.read_bytes(), file


def test_it_is_small(world: World) -> None:
    world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        assert psutil.Process(dog.process.pid).memory_info().rss < 60e6


@pytest.mark.parametrize("every", ["0s", "2h", "soon"])
def test_a_time_between_questions_that_makes_no_sense_is_refused(world: World, every: str) -> None:
    done = pilotage(world, "watchdog", "--every", every)
    assert done.returncode == 2
    assert "--every" in done.stderr
