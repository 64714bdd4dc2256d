"""The other ways on Kubernetes: shares of pods, a Service's selector, server by server, Istio's object.

See on_kubernetes.py for what is real here and what stands in for a data plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import pytest

from tests.engine.on_kubernetes import WIDE, World, replicas, world
from tests.kubernetes.access import Object
from tests.kubernetes.objects import deployment, service
from tests.kubernetes.shares import Endpoints, virtual_service
from tests.kubernetes.watching import Seen, Watching, watching
from tests.stage import wait_for

__all__ = ["world"]

APP = {"app": "payment"}


def image(found: Object) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


# -------------------------------------------------------------- shares of ten pods


def test_ten_pods_of_two_deployments_are_shared_10_50_100(world: World) -> None:
    world.apply(service("payment", APP))
    for name, tag, count in (("payment", "2.0", 10), ("payment-canary", "2.1", 0)):
        world.apply(deployment(name, f"payment:{tag}", count, {**APP, "track": name}))
    world.ready("payment")
    splits = world.splits("kubernetes-replicas", canary="payment-canary", stable="payment", replicas=10)
    with world.served() as found:
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
    with world.served() as found:
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
    with world.served() as found, watching(world.cluster, deployments) as seen:
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
    with world.served(), watching(world.cluster, sets) as seen:
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
