"""A canary on Kubernetes, two Deployments behind an HTTPRoute: from the deploy to the promotion, and back at any time.

See on_kubernetes.py for what is real here and what stands in for a data plane.
"""

from __future__ import annotations

import re
import time

import pytest

from pilotage.cli.client import ApiError
from tests.engine.on_kubernetes import Canary, canary, replicas

__all__ = ["canary"]

SOON_S = 5.0
"""From the command to the route's change. A quiet machine takes 0.1 s for it; this one may be busy."""
STEPS = ("10%", "50%", "100%")


def held_at(phase: int) -> list[dict[str, str]]:
    """The phases up to `phase`, which is watched for long."""
    return [{"weight": one, "watch": "60s" if place == phase else "1s"} for place, one in enumerate(STEPS, start=1)]


def test_the_canary_gets_its_pods_first_and_then_10_50_and_100_percent(canary: Canary) -> None:
    assert replicas(canary.canary) == 0
    rollout = canary.start()
    assert canary.ended(rollout)["status"] == "promoted"
    assert canary.split.weights() == [0, 10, 50, 100]
    assert canary.split.object["metadata"]["generation"] == 4
    deployed, *moved = canary.told(rollout, "deployed", "weight_set")
    assert "has payment:2.1 and 2 replicas, 2 of 2 pods are ready" in deployed["detail"]
    assert [one["in_force"] for one in moved] == [10, 50, 100]
    found = canary.canary
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "payment:2.1"
    assert found["status"]["readyReplicas"] == 2
    report = canary.coordinator.api.get(f"/v1/rollouts/{rollout}/report")
    assert "| metric | baseline | 10 % | 50 % | 100 % |" in report
    (row,) = re.findall(r"^\| requests \|(.*)\|$", report, re.MULTILINE)
    _, ten, fifty, whole = (int(one.replace(",", "")) for one in row.split("|"))
    assert ten < fifty < whole
    for share in (10, 50):
        assert f"**share**: {share}.0 % of the last" in report


@pytest.mark.parametrize("phase", [0, 1, 2, 4], ids=["baseline", "10%", "50%", "after 100%"])
def test_from_each_step_one_command_brings_the_route_back_at_once(canary: Canary, phase: int) -> None:
    after = {"watch": "60s", "tick": "0.5s"}
    rollout = canary.start(phases=held_at(phase), baseline="60s" if phase == 0 else "1s", after=after)
    canary.watched(rollout, phase)
    before = canary.split.weights()
    assert before == [0, 10, 50, 100][: phase + 1]  # after 100 % the watch goes on
    ordered = time.monotonic()
    assert canary.order(rollout, "rollback")["done"] is True
    answered = time.monotonic() - ordered
    assert canary.split.share() == 0
    assert canary.split.weights() == ([*before, 0] if phase else [0])
    assert canary.split.since(0) - ordered < SOON_S
    assert answered < SOON_S
    assert canary.ended(rollout)["status"] == "rolled back"
    assert replicas(canary.canary) == (2 if phase else 0)


def test_errors_of_the_new_version_bring_the_route_back_without_anybody(canary: Canary) -> None:
    canary.stage.error_rate["new"] = 0.4
    rollout = canary.start()
    view = canary.ended(rollout)
    assert (view["status"], canary.split.weights()) == ("rolled back", [0, 10, 0])
    assert "errors 40" in view["reason"]


def test_a_pause_keeps_the_weight_past_the_phases_time_and_a_hold_does_too(canary: Canary) -> None:
    rollout = canary.start(phases=[{"weight": "10%", "watch": "2s"}, {"weight": "100%", "watch": "1s"}])
    canary.watched(rollout, 1)
    for command, status in (("pause", "paused"), ("hold", "held")):
        assert canary.order(rollout, command)["status"] == status
        canary.passes(3)
        assert (canary.coordinator.view(rollout)["status"], canary.split.weights()) == (status, [0, 10])
    canary.order(rollout, "resume")
    assert canary.ended(rollout)["status"] == "promoted"
    assert canary.split.weights() == [0, 10, 100]


def test_promote_goes_on_in_mid_phase(canary: Canary) -> None:
    rollout = canary.start(phases=held_at(1))
    canary.watched(rollout, 1)
    canary.order(rollout, "promote")
    assert canary.ended(rollout)["status"] == "promoted"
    assert canary.split.weights() == [0, 10, 50, 100]
    assert len(canary.told(rollout, "promotion_forced")) == 1


def test_a_second_rollout_of_the_service_is_refused_with_the_first_ones_owner_and_reason(canary: Canary) -> None:
    first = canary.coordinator.api.post("/v1/rollouts", {**canary.plan(phases=held_at(1)), "reason": "PAY-7"})["id"]
    canary.watched(first, 1)
    with pytest.raises(ApiError) as refused:
        canary.start()
    assert f"already has an active rollout: {first}, started by tester" in str(refused.value)
    assert "PAY-7" in str(refused.value)
    assert canary.split.weights() == [0, 10]
    canary.order(first, "rollback")
    assert canary.ended(canary.start(version="2.2"))["status"] == "promoted"
