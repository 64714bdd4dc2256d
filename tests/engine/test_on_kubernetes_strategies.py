"""The other ways on Kubernetes: shares of pods, a Service's selector, server by server, Istio's object, Argo Rollouts.

See on_kubernetes.py for what is real here and what stands in for a data plane.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import pytest

from tests.engine.on_kubernetes import World, replicas, world
from tests.kubernetes.access import Access, Object
from tests.kubernetes.objects import deployment, service
from tests.kubernetes.shares import Endpoints, endpoints, virtual_service
from tests.kubernetes.watching import Seen, Watching, watching
from tests.stage import wait_for

__all__ = ["world"]

APP = {"app": "payment"}
WIDE = {"min_requests": 5, "share_tolerance": 20}
"""While pods come and go the share of a Service moves through others than the wanted one."""


@contextmanager
def served(world: World, name: str = "payment") -> Iterator[Endpoints]:
    """The metrics follow the ready endpoints of the Service."""
    with endpoints(world.cluster, world.namespace, name, "payment:2.1") as found:
        world.stage.watched = found.share
        yield found


def image(found: Object) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


# -------------------------------------------------------------- shares of ten pods


def test_ten_pods_of_two_deployments_are_shared_10_50_100(world: World) -> None:
    world.apply(service("payment", APP))
    for name, tag, count in (("payment", "2.0", 10), ("payment-canary", "2.1", 0)):
        world.apply(deployment(name, f"payment:{tag}", count, {**APP, "track": name}))
    world.ready("payment")
    splits = world.splits("kubernetes-replicas", canary="payment-canary", stable="payment", replicas=10)
    with served(world) as found:
        rollout = world.start(traffic=[splits], success=WIDE)
        assert world.ended(rollout, 90)["status"] == "promoted"
        wait_for(lambda: found.share() == 100, 20)
        assert {10, 50, 100} <= {round(share) for share in found.past}
    assert [one["in_force"] for one in world.told(rollout, "weight_set")] == [10, 50, 100]
    counts = [replicas(world.cluster.get(world.place(name))) for name in ("payment-canary", "payment")]
    assert counts == [10, 0]


# -------------------------------------------------------------- blue-green


@pytest.fixture
def colours(world: World) -> Iterator[tuple[World, Endpoints]]:
    world.apply(service("payment", {**APP, "colour": "blue"}))
    for colour in ("blue", "green"):
        world.apply(deployment(f"payment-{colour}", "payment:2.0", 2, {**APP, "colour": colour}))
        world.ready(f"payment-{colour}")
    with served(world) as found:
        yield world, found


def switched(world: World, **times: str) -> str:
    return world.start(
        strategy="blue-green",
        phases=[{"weight": "100%", "watch": "1s"}],
        deploy=[world.deploys(deployment="payment-{idle}", replicas=2)],
        traffic=[
            world.splits("kubernetes-service", service="payment", label="colour", canary="{idle}", stable="{live}")
        ],
        blue_green={
            **{"live": "blue", "idle": "green", "tick": "0.5s", **times},
            "test": [
                {"name": "smoke", "check": "http", "url": f"http://127.0.0.1:{world.stage.port}/", "within": "5s"}
            ],
            "release": {"driver": "kubernetes", "deployment": "payment-{live}", "replicas": 0, **world.access},
        },
    )


def selected(world: World) -> str:
    found = world.cluster.get(f"/api/v1/namespaces/{world.namespace}/services/payment")
    return str(found["spec"]["selector"]["colour"])


def test_the_service_is_switched_to_green_blue_is_kept_warm_and_then_scaled_to_nothing(
    colours: tuple[World, Endpoints],
) -> None:
    world, found = colours
    rollout = switched(world, warm="2s")
    world.watched(rollout, 3)
    assert selected(world) == "green"
    assert replicas(world.cluster.get(world.place("payment-blue"))) == 2
    assert world.ended(rollout)["status"] == "promoted"
    world.cluster.until(world.place("payment-blue"), lambda one: one["spec"]["replicas"] == 0)
    wait_for(lambda: len(world.told(rollout, "released")) == 1, 20)
    assert (selected(world), found.share()) == ("green", 100)
    names = [one["name"] for one in world.told(rollout, "phase_started")]
    assert names == ["baseline", "test green", "switch to green", "blue kept warm"]
    assert image(world.cluster.get(world.place("payment-blue"))) == "payment:2.0"


def test_one_call_brings_blue_back_while_it_is_kept_warm(colours: tuple[World, Endpoints]) -> None:
    world, found = colours
    rollout = switched(world, warm="60s")
    world.watched(rollout, 3)
    assert found.share() == 100
    assert world.order(rollout, "rollback")["done"] is True
    assert (selected(world), found.share()) == ("blue", 0)
    assert world.told(rollout, "rolled_back")[0]["method"] == "switch"
    assert replicas(world.cluster.get(world.place("payment-blue"))) == 2


# -------------------------------------------------------------- rolling

SERVERS = ["payment-a", "payment-b", "payment-c"]
ROLLING = {"strategy": "rolling", "phases": None, "success": WIDE}


@pytest.fixture
def servers(world: World) -> Iterator[tuple[World, Endpoints, Watching]]:
    """Three Deployments behind one Service, and what a watcher sees of them."""
    world.apply(service("payment", APP))
    for name in SERVERS:
        world.apply(deployment(name, "payment:2.0", 1, {**APP, "server": name}))
    for name in SERVERS:
        world.ready(name)
    deployments = f"/apis/apps/v1/namespaces/{world.namespace}/deployments"
    with served(world) as found, watching(world.cluster, deployments) as seen:
        yield world, found, seen


def images(past: list[Seen]) -> list[tuple[str, str]]:
    """Which Deployment got which image, in order."""
    seen: dict[str, str] = {}
    changes = []
    for one in past:
        if seen.setdefault(one.name, image(one.object)) != image(one.object):
            seen[one.name] = image(one.object)
            changes.append((one.name, seen[one.name]))
    return changes


def test_a_batch_that_fails_is_undone_and_those_before_it_in_reverse(
    servers: tuple[World, Endpoints, Watching],
) -> None:
    world, found, seen = servers
    deploys = [world.deploys(deployment="{server}", trouble_s=0.5)]
    rollout = world.start(**ROLLING, deploy=deploys, rolling={"servers": SERVERS, "watch": "2s"})
    world.watched(rollout, 1)
    assert images(seen.past) == [("payment-a", "payment:2.1")]
    world.kubelet.behave("payment:2.1", "crash-loop")  # pods that are made from now on
    view = world.ended(rollout)
    assert view["status"] == "rolled back"
    assert "payment-b: " in view["reason"]
    assert "it crash" in view["reason"]
    assert images(seen.past) == [
        *(("payment-a", "payment:2.1"), ("payment-b", "payment:2.1")),
        *(("payment-b", "payment:2.0"), ("payment-a", "payment:2.0")),
    ]
    wait_for(lambda: found.share() == 0, 20)


def test_three_deployments_get_the_version_one_after_the_other(servers: tuple[World, Endpoints, Watching]) -> None:
    world, found, seen = servers
    deploys = [world.deploys(deployment="{server}")]
    rollout = world.start(**ROLLING, deploy=deploys, rolling={"servers": SERVERS, "watch": "1s"})
    assert world.ended(rollout)["status"] == "promoted"
    assert images(seen.past) == [(name, "payment:2.1") for name in SERVERS]
    assert [one["share"] for one in world.told(rollout, "deployed")] == [33.3, 66.7, 100]
    assert found.share() == 100


def test_a_statefulsets_pods_get_the_version_by_their_number_the_last_one_first(world: World) -> None:
    world.apply(service("payment", APP), stateful_set())
    world.ready("payment", "statefulsets")
    sets = f"/apis/apps/v1/namespaces/{world.namespace}/statefulsets"
    with served(world), watching(world.cluster, sets) as seen:
        rollout = world.start(
            **ROLLING,
            deploy=[world.deploys(statefulset="payment", partition="{number}")],
            rolling={"servers": [{"name": f"payment-{n}", "number": n} for n in (2, 1, 0)], "watch": "1s"},
        )
        assert world.ended(rollout)["status"] == "promoted"
        partitions = [key for key, _ in groupby(_partition(one.object) for one in seen.past)]
    assert partitions == [0, 2, 1, 0]
    for number in range(3):
        pod = world.cluster.get(f"/api/v1/namespaces/{world.namespace}/pods/payment-{number}")
        assert pod["spec"]["containers"][0]["image"] == "payment:2.1"


def stateful_set() -> Object:
    made = deployment("payment", "payment:2.0", 3, APP)
    return {**made, "kind": "StatefulSet", "spec": {**made["spec"], "serviceName": "payment"}}


def _partition(found: Object) -> int:
    rolling: dict[str, Any] = found["spec"].get("updateStrategy", {}).get("rollingUpdate") or {}
    return int(rolling.get("partition") or 0)


# -------------------------------------------------------------- Istio


def test_a_canary_by_the_weights_of_a_virtual_service(world: World) -> None:
    destinations = [
        {"destination": {"host": "payment", "subset": one}, "weight": w} for one, w in (("v1", 100), ("v2", 0))
    ]
    world.apply(
        {
            **{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "payment"}},
            "spec": {"hosts": ["payment"], "http": [{"name": "all", "route": destinations}]},
        }
    )
    splits = world.splits("istio", virtual_service="payment", canary="v2", stable="v1")
    with virtual_service(world.cluster, world.namespace, "payment", "v2") as split:
        world.stage.watched = split.share
        assert world.ended(world.start(traffic=[splits]))["status"] == "promoted"
        assert split.weights() == [0, 10, 50, 100]
        (http,) = split.object["spec"]["http"]
        assert (http["name"], len(http["route"])) == ("all", 2)


# -------------------------------------------------------------- Argo Rollouts

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
    with served(rollouts) as found, watching(rollouts.cluster, argo_place(rollouts).rpartition("/")[0]) as seen:
        rollout = with_argo(rollouts)
        assert rollouts.ended(rollout, 90)["status"] == "promoted"
        assert {10, 50, 100} <= {round(share) for share in found.past}
        steps = [key for key, _ in groupby(one.object["status"]["currentStepIndex"] for one in seen.past)]
        assert steps == [7, *range(7)]  # 2.0 has passed them all; 2.1 goes from one to the next
    assert [one["in_force"] for one in rollouts.told(rollout, "weight_set")] == [10, 50, 100]
    found_now = rollouts.cluster.get(argo_place(rollouts))
    assert (found_now["status"]["phase"], found_now["status"]["updatedReplicas"]) == ("Paused", 10)


def test_argos_controller_is_made_to_abort(rollouts: World) -> None:
    with served(rollouts) as found:
        rollout = with_argo(rollouts, phases=[{"weight": "50%", "watch": "60s"}, {"weight": "100%", "watch": "1s"}])
        rollouts.watched(rollout, 1)
        wait_for(lambda: found.share() == 50, 30)
        assert rollouts.order(rollout, "rollback")["done"] is True
        assert rollouts.cluster.get(argo_place(rollouts))["status"]["abort"] is True
        wait_for(lambda: found.share() == 0, 30)
    assert rollouts.ended(rollout)["status"] == "rolled back"
