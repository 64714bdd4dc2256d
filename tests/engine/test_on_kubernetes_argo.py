"""A Rollout of Argo Rollouts, whose own controller, the real one, is led through the weights and moves the pods.

See on_kubernetes.py for what else is real here and what stands in for a data plane.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Any

import pytest

from tests.engine.on_kubernetes import WIDE, World, world
from tests.kubernetes.access import Access
from tests.kubernetes.objects import deployment, service
from tests.kubernetes.watching import watching
from tests.stage import wait_for

__all__ = ["world"]

APP = {"app": "payment"}
SET_IMAGE = """#!{python} -S
import json, ssl, sys, urllib.request
# What `kubectl argo rollouts set image` does.
image = {{"spec": {{"template": {{"spec": {{"containers": [{{"name": "app", "image": "payment:" + sys.argv[1]}}]}}}}}}}}
request = urllib.request.Request("{url}", json.dumps(image).encode(), method="PATCH")
request.add_header("Authorization", "Bearer {token}")
request.add_header("Content-Type", "application/merge-patch+json")
trusted = urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata={ca!r}))
urllib.request.build_opener(urllib.request.ProxyHandler({{}}), trusted).open(request)
"""
"""As a script of the team's own, which acts with the drivers' account."""


@pytest.fixture
def rollouts(world: World, argo: Any) -> World:
    steps = [{"pause": {}}, *(step for one in (10, 50, 100) for step in ({"setWeight": one}, {"pause": {}}))]
    made = deployment("payment", "payment:2.0", 10, APP, strategy={"canary": {"steps": steps}})
    world.apply(service("payment", APP), {**made, "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})
    place = argo_place(world)
    world.cluster.until(place, lambda one: one.get("status", {}).get("phase") == "Healthy")
    return world


def argo_place(world: World) -> str:
    return f"/apis/argoproj.io/v1alpha1/namespaces/{world.namespace}/rollouts/payment"


def with_argo(world: World, **sections: Any) -> str:
    access = Access(world.kubeconfig)
    access.close()
    script = world.folder / "set-image"
    token, ca = access.how["headers"]["authorization"].removeprefix("Bearer "), access.authority
    url = f"{access.server}{argo_place(world)}"
    script.write_text(SET_IMAGE.format(python=sys.executable, url=url, token=token, ca=ca))
    script.chmod(0o700)
    return world.start(
        deploy=[{"name": "pods", "driver": "shell", "command": ["./set-image", "{version}"]}],
        traffic=[world.splits("argo-rollouts", rollout="payment")],
        success=WIDE,
        **sections,
    )


def test_argos_controller_is_led_through_10_50_100(rollouts: World) -> None:
    with rollouts.served() as found, watching(rollouts.cluster, argo_place(rollouts).rpartition("/")[0]) as seen:
        rollout = with_argo(rollouts)
        assert rollouts.ended(rollout, 90)["status"] == "promoted"
        assert {10, 50, 100} <= {round(share) for share in found.past}
        steps = [key for key, _ in groupby(one.object["status"]["currentStepIndex"] for one in seen.past)]
        assert steps == [7, *range(7)]  # 2.0 has passed them all; 2.1 goes from one to the next
    assert [one["in_force"] for one in rollouts.told(rollout, "weight_set")] == [10, 50, 100]
    found_now = rollouts.cluster.get(argo_place(rollouts))
    assert (found_now["status"]["phase"], found_now["status"]["updatedReplicas"]) == ("Paused", 10)


def test_argos_controller_is_made_to_abort(rollouts: World) -> None:
    with rollouts.served() as found:
        rollout = with_argo(rollouts, phases=[{"weight": "50%", "watch": "60s"}, {"weight": "100%", "watch": "1s"}])
        rollouts.watched(rollout, 1)
        wait_for(lambda: found.share() == 50, 30)
        assert rollouts.order(rollout, "rollback")["done"] is True
        assert rollouts.cluster.get(argo_place(rollouts))["status"]["abort"] is True
        wait_for(lambda: found.share() == 0, 30)
    assert rollouts.ended(rollout)["status"] == "rolled back"
