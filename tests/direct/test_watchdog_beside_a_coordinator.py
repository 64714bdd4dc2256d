"""The watchdog beside a real coordinator: it acts in its place, and never against it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from tests.direct.dog import a_dog, stays
from tests.direct.world import World, coordinator, world
from tests.stage import wait_for

__all__ = ["coordinator", "world"]

LIMIT_S = 7
LATE_S = 5
SILENCE = f"watchdog: {{silence: {LIMIT_S}s}}\n"


def test_both_killed_it_goes_back_in_time_and_the_rollout_ends_so(world: World) -> None:
    rollout = world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says(f"{rollout}: splitter:")
        assert "watchdog@" in world.pilotage("doctor").stdout
        world.kill_both()
        began = time.monotonic()
        wait_for(lambda: world.stage.weight() == 0, 60, lambda: dog.heard)
        assert LIMIT_S - 2 <= time.monotonic() - began <= LIMIT_S + LATE_S
        dog.says("ROLLED BACK by traffic")
        world.coordinator.up()
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        wait_for(lambda: world.kinds(rollout).count("direct_rollback") == 1, 20)
        noted = next(one for one in world.record(rollout) if one["event"]["kind"] == "direct_rollback")
        assert noted["by"].startswith("watchdog@")
        assert world.stage.weight() == 0


def test_a_killed_engine_a_restart_in_time_and_a_coordinator_that_stutters_are_no_silence(world: World) -> None:
    rollout = world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        world.coordinator.kill_engine()
        stays(world.stage.weight, 50, LIMIT_S + 2)
        for _ in range(3):
            os.kill(world.pid, signal.SIGSTOP)
            stays(world.stage.weight, 50, 4)
            os.kill(world.pid, signal.SIGCONT)
            stays(world.stage.weight, 50, 1.5)
        assert "GOING BACK" not in dog.heard
        assert world.journals(rollout) == []


def test_a_coordinator_that_hangs_is_silent(world: World) -> None:
    rollout = world.start(more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("is rolled back")
        os.kill(world.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: world.stage.weight() == 0, 60, lambda: dog.heard)
        finally:
            os.kill(world.pid, signal.SIGCONT)
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        assert world.stage.weight() == 0


def test_what_was_promoted_stays_when_the_coordinator_goes_down(world: World) -> None:
    rollout = world.start(until=100, phases="[{weight: 100%, watch: 2s}]", more=SILENCE)
    with a_dog(world.state) as dog:
        dog.says("the coordinator answers")
        world.coordinator.ended(rollout)
        wait_for(lambda: not list((world.state / "rollouts").glob("*.json")), 20)
        world.kill_both()
        stays(world.stage.weight, 100, LIMIT_S + LATE_S)


def test_from_another_host_it_knows_the_plans_acts_and_tells(world: World, tmp_path: Path) -> None:
    rollout = world.start(more=SILENCE)
    note = json.loads((world.state / "coordinator.json").read_text())
    token = tmp_path / "token"
    token.write_text(note["token"])
    other = tmp_path / "other"
    other.mkdir()
    with a_dog(other, "--coordinator", note["url"], "--token-file", str(token)) as dog:
        dog.says(f"{rollout}: splitter:")
        world.kill_both()
        dog.says("ROLLED BACK by traffic", 60)
        assert world.stage.weight() == 0
        assert world.journals(rollout) == []
        world.coordinator.up(int(note["url"].rsplit(":", 1)[1]))
        token.write_text(json.loads((world.state / "coordinator.json").read_text())["token"])
        dog.says("the coordinator knows now what was done", 60)
        assert world.coordinator.ended(rollout)["status"] == "rolled back"
        wait_for(lambda: world.kinds(rollout).count("direct_rollback") == 1, 20)
        assert world.stage.weight() == 0
