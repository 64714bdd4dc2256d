"""kill -9 of any part, at any point: it goes on, nothing is lost or doubled, no call acts twice for its key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.stage import Local, Stage, local, wait_for

WITHIN_S = 15
"""After the restart the rollout goes on within this time."""


@pytest.mark.parametrize("moment", ["watch", "driver call"])
@pytest.mark.parametrize("victim", ["worker", "engine", "both"])
def test_the_rollout_survives(victim: str, moment: str, tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    try:
        with local(tmp_path / "state") as coordinator:
            rollout = str(coordinator.api.post("/v1/rollouts", stage.plan())["id"])
            if moment == "watch":
                coordinator.until(rollout, lambda view: view["phase"] == 1 and view["progress"] > 0.3)
            else:
                (folder / "slow").write_text("2")
                wait_for(lambda: any("begin" in call for call in stage.calls()), 30)
            progress = coordinator.view(rollout)["progress"]
            kill(coordinator, victim)
            (folder / "slow").unlink(missing_ok=True)
            coordinator.until(rollout, lambda view: view["phase"] > 1 or view["progress"] > progress, WITHIN_S)
            view = coordinator.ended(rollout, 60)
            assert (view["status"], stage.weight()) == ("promoted", 100)
            events = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
            assert [one["number"] for one in events] == list(range(len(events)))
            assert [one["event"]["kind"] for one in events].count("phase_passed") == 4
            assert set(Counter(stage.calls()).values()) == {1}
            assert len(stage.calls()) == 6
    finally:
        stage.close()


def kill(coordinator: Local, victim: str) -> None:
    if victim in ("worker", "both"):
        coordinator.kill_worker()
    if victim in ("engine", "both"):
        coordinator.kill_engine()
    if victim in ("worker", "both"):
        coordinator.up()


def test_a_rollout_goes_on_from_its_phase_when_the_engines_file_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    try:
        with local(tmp_path / "state") as coordinator:
            rollout = str(coordinator.api.post("/v1/rollouts", stage.plan())["id"])
            coordinator.until(rollout, lambda view: view["phase"] == 2 and view["status"] == "watching")
            coordinator.kill_worker()
            coordinator.kill_engine()
            files = list(coordinator.state.glob("engine.db*"))
            assert files
            for file in files:
                file.unlink()
            coordinator.up()
            view = coordinator.ended(rollout)
            assert (view["status"], stage.weight()) == ("promoted", 100)
            events = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
            assert [one["number"] for one in events] == list(range(len(events)))
            kinds = [one["event"]["kind"] for one in events]
            assert kinds.count("rollout_started") == 1
            passed = [one["event"]["phase"] for one in events if one["event"]["kind"] == "phase_passed"]
            assert passed == [0, 1, 2, 3]
            assert not [call for call, times in Counter(stage.calls()).items() if times != 1]
    finally:
        stage.close()
