"""The coordinator is killed, or the API server is away: nothing is done twice, nothing is lost, going back goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.engine.on_kubernetes import Canary, canary
from tests.kubernetes.between import line
from tests.stage import wait_for

__all__ = ["canary"]

LONG = [{"weight": "10%", "watch": "60s"}, {"weight": "100%", "watch": "60s"}]


# -------------------------------------------------------------- the coordinator


def kill(canary: Canary) -> None:
    canary.coordinator.kill_worker()
    canary.coordinator.kill_engine()


def test_killed_in_mid_phase_it_goes_on_where_it_was(canary: Canary) -> None:
    rollout = canary.start(phases=[{"weight": "10%", "watch": "3s"}, {"weight": "100%", "watch": "1s"}])
    canary.watched(rollout, 1)
    kill(canary)
    canary.coordinator.up()
    assert canary.ended(rollout, 90)["status"] == "promoted"
    assert canary.split.weights() == [0, 10, 100]
    assert len(canary.told(rollout, "deployed")) == 1


def test_killed_in_the_middle_of_a_weights_change_it_makes_it_once(canary: Canary) -> None:
    """The route is patched, and the Gateway's controller has not said so yet."""
    rollout = canary.start()
    canary.watched(rollout, 1)
    canary.split.awake.clear()
    wait_for(lambda: canary.split.weights() == [0, 10, 50], 30)
    kill(canary)
    assert canary.split.share() == 10
    canary.coordinator.up()
    canary.split.awake.set()
    assert canary.ended(rollout, 90)["status"] == "promoted"
    assert canary.split.weights() == [0, 10, 50, 100]
    assert canary.split.object["metadata"]["generation"] == 4
    assert [one["in_force"] for one in canary.told(rollout, "weight_set")] == [10, 50, 100]


def test_while_it_is_down_one_goes_back_directly_and_it_ends_the_rollout_later(canary: Canary) -> None:
    rollout = canary.start(phases=LONG)
    canary.watched(rollout, 1)
    kill(canary)
    state = {"PILOTAGE_STATE": str(canary.coordinator.state)}
    argv = [sys.executable, "-m", "pilotage", "rollback", "--direct", rollout]
    done = subprocess.run(argv, env={**os.environ, **state}, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "split: 0 % in force" in done.stdout
    assert canary.split.weights() == [0, 10, 0]
    canary.coordinator.up()
    assert canary.ended(rollout)["status"] == "rolled back"
    assert canary.split.weights() == [0, 10, 0]
    assert len(canary.told(rollout, "direct_rollback")) == 1


# -------------------------------------------------------------- the API server

HOW = ("cut", "dead")
"""It refuses connections; or it takes them and is silent."""


@pytest.mark.parametrize("how", HOW)
def test_an_api_server_that_is_away_holds_the_watch_until_it_answers(canary: Canary, how: Any) -> None:
    canary.timeout_s = 2.0
    with line(canary.kubeconfig) as (api, canary.kubeconfig):
        rollout = canary.start(phases=[{"weight": "10%", "watch": "2s"}, {"weight": "100%", "watch": "1s"}])
        canary.watched(rollout, 1)
        api.be(how)
        view = canary.until(rollout, "held")
        assert "split cannot be read for 2 ticks" in view["reason"]
        assert canary.split.weights() == [0, 10]
        api.be("whole")
        assert canary.ended(rollout)["status"] == "promoted"
        assert canary.split.weights() == [0, 10, 100]
        assert canary.told(rollout, "person_needed") == []


@pytest.mark.parametrize("how", HOW)
def test_a_rollback_while_it_is_away_goes_on_trying_and_works_when_it_is_back(canary: Canary, how: Any) -> None:
    canary.timeout_s = 2.0
    with line(canary.kubeconfig) as (api, canary.kubeconfig):
        rollout = canary.start(phases=LONG)
        canary.watched(rollout, 1)
        api.be(how)
        answers: list[dict[str, Any]] = []
        ordering = threading.Thread(target=lambda: answers.append(canary.order(rollout, "rollback")), daemon=True)
        ordering.start()
        wait_for(lambda: bool(canary.told(rollout, "person_needed")), 60)
        assert canary.told(rollout, "step_failed")[0]["will"] == "the rollback goes on trying"
        assert canary.coordinator.view(rollout)["status"] == "rolling back"
        assert canary.split.weights() == [0, 10]
        api.be("whole")
        assert canary.ended(rollout)["status"] == "rolled back"
        assert canary.split.weights() == [0, 10, 0]
        ordering.join(40)
        assert answers


def test_a_change_that_the_cluster_took_and_whose_answer_was_lost_is_not_made_again(canary: Canary) -> None:
    canary.timeout_s = 2.0
    with line(canary.kubeconfig) as (api, canary.kubeconfig):
        rollout = canary.start()
        canary.watched(rollout, 1)
        canary.split.awake.clear()
        wait_for(lambda: canary.split.weights() == [0, 10, 50], 30)
        api.be("cut")
        canary.split.awake.set()
        wait_for(lambda: canary.split.share() == 50, 20)
        api.be("whole")
        assert canary.ended(rollout)["status"] == "promoted"
        assert canary.split.weights() == [0, 10, 50, 100]
        assert canary.split.object["metadata"]["generation"] == 4
