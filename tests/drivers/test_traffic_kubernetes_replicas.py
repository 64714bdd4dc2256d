"""Shares by numbers of pods, on a real API server and its controllers; a fake kubelet plays the nodes."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.kubernetes import Cluster, workloads
from pilotage.drivers.traffic.kubernetes_replicas import KubernetesReplicasTraffic
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, call
from tests.drivers.kubeconfigs import written
from tests.kubernetes.objects import deployment


def splitter(kubeconfig, namespace, **options):
    given = {"canary": "new", "stable": "old", "replicas": 10, "ready_within_s": 20}
    given |= {"kubeconfig": str(kubeconfig), "namespace": namespace} | options
    return KubernetesReplicasTraffic(KubernetesReplicasTraffic.Options.model_validate(given), Context(None, None))


def place(namespace, name):
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


@pytest.fixture
async def both(cluster, namespace, kubelet):
    """Ten pods of the old one, none of the new."""

    def make():
        for name, count in (("old", 10), ("new", 0)):
            labels = {"app": "payment", "track": name}
            cluster.apply(deployment(name, f"registry.test/{name}:v1", count, labels), namespace)
        cluster.until(place(namespace, "old"), lambda one: one["status"].get("availableReplicas") == 10, 30)

    await asyncio.to_thread(make)
    return cluster


class TestKubernetesReplicas(TrafficContract, StepsContract):
    weights = (0, 10, 50, 100)
    some = (30, 70)
    asked = (0, 4, 10, 55, 100)

    @pytest.fixture
    async def driver(self, both, namespace):
        one = splitter(both.kubeconfig, namespace)
        yield one
        await one.close()


class OfACluster(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        return splitter(file, "shop", timeout_s=self.patience_s)


class TestKubernetesReplicasFaults(OfACluster):
    pass


class TestKubernetesReplicasChangeFaults(OfACluster):
    async def act(self, driver):
        return await driver.set_weight(10, call("a", 2))


async def test_the_growing_side_is_ready_before_the_other_loses_a_pod(both, namespace, kubelet):
    kubelet.ready_after_s = 0.5
    one, least = splitter(both.kubeconfig, namespace), 10
    shifting = asyncio.create_task(one.set_weight(50, call("a")))
    while not shifting.done():
        found = [(await asyncio.to_thread(both.get, place(namespace, name)))["status"] for name in ("old", "new")]
        least = min(least, sum(status.get("availableReplicas", 0) for status in found))
        await asyncio.sleep(0.01)
    assert await shifting == 50
    assert least >= 10


async def test_pods_that_cannot_start_leave_the_other_side_alone(both, namespace, kubelet):
    kubelet.behave("registry.test/new:v1", "pull-fails")
    with pytest.raises(PermanentError, match=r"cannot be pulled.*The other Deployment keeps its pods"):
        await splitter(both.kubeconfig, namespace, ready_within_s=2).set_weight(50, call("a"))
    assert both.get(place(namespace, "old"))["spec"]["replicas"] == 10


async def test_a_share_that_the_number_of_pods_does_not_give_is_refused(both, namespace):
    one = splitter(both.kubeconfig, namespace)
    with pytest.raises(PermanentError, match="25 % of 10 pods cannot be had, the nearest is 30 %"):
        await one.set_weight(25, call("a"))
    assert await one.nearest(1) == 10  # not nothing


async def test_numbers_that_somebody_else_set_are_seen(both, namespace):
    await asyncio.to_thread(both.patch, place(namespace, "new"), {"spec": {"replicas": 10}})
    assert await splitter(both.kubeconfig, namespace).read_weight() == 50
    for name in ("old", "new"):
        await asyncio.to_thread(both.patch, place(namespace, name), {"spec": {"replicas": 0}})
    with pytest.raises(PermanentError, match="no pod at all"):
        await splitter(both.kubeconfig, namespace).read_weight()


async def test_more_pods_than_the_plan_knows_are_told_at_the_probe_and_not_taken_away(both, namespace):
    """An autoscaler, or somebody, wanted them."""
    await asyncio.to_thread(both.patch, place(namespace, "old"), {"spec": {"replicas": 14}})
    one = splitter(both.kubeconfig, namespace)
    with pytest.raises(PermanentError, match="have 14 pods together, more than `replicas`"):
        await one.probe()
    assert await one.set_weight(0, call("rehearsal")) == 0
    assert numbers(both, namespace) == {"new": 0, "old": 14}
    await asyncio.to_thread(both.patch, place(namespace, "new"), {"spec": {"replicas": 2}})
    assert await one.set_weight(0, call("back")) == 0
    assert numbers(both, namespace) == {"new": 0, "old": 14}


async def test_going_back_waits_for_most_pods_of_the_present_version_not_for_the_last(both, namespace, kubelet):
    one = splitter(both.kubeconfig, namespace, ready_within_s=3)
    assert await one.set_weight(20, call("a")) == 20
    kubelet.behave("registry.test/old:v1", "never-ready")
    assert await one.set_weight(0, call("b")) == 0
    assert numbers(both, namespace) == {"new": 0, "old": 10}


async def test_but_not_with_too_few(both, namespace, kubelet):
    one = splitter(both.kubeconfig, namespace, ready_within_s=2)
    assert await one.set_weight(50, call("a")) == 50
    kubelet.behave("registry.test/old:v1", "never-ready")
    with pytest.raises(PermanentError, match="The other Deployment keeps its pods"):
        await one.set_weight(0, call("b"))
    assert numbers(both, namespace) == {"new": 5, "old": 10}


async def test_an_api_server_that_is_away_for_a_moment_does_not_end_the_waiting(both, namespace, kubelet, monkeypatch):
    kubelet.ready_after_s = 1
    one, asked = splitter(both.kubeconfig, namespace), 0
    real = Cluster.get

    async def away(self, *given, **more):
        nonlocal asked
        asked += 1
        if 8 <= asked <= 10:
            raise TemporaryError("Kubernetes does not answer: nothing listens there")
        return await real(self, *given, **more)

    monkeypatch.setattr(Cluster, "get", away)
    assert await one.set_weight(10, call("a")) == 10
    assert asked > 10


def test_pods_that_are_still_to_be_ended_are_awaited():
    """They get requests until they are."""
    status = {"observedGeneration": 2, "replicas": 10, "updatedReplicas": 10, "availableReplicas": 10}
    found = {"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 0}, "status": status}
    assert workloads.awaited(found) == "10 pods are there, 0 are wanted"
    assert workloads.awaited({**found, "kind": "StatefulSet"}) == "10 pods are there, 0 are wanted"


def numbers(cluster, namespace):
    return {name: cluster.get(place(namespace, name))["spec"]["replicas"] for name in ("new", "old")}


LEAST = (
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
)


async def test_the_least_rights_suffice(restricted, both, namespace):
    one = splitter(await asyncio.to_thread(restricted, *LEAST), namespace)
    assert await one.probe() == "new has 0 pods, old 10"
    assert await one.set_weight(10, call("a")) == 10
    await one.close()


async def test_a_right_that_is_missing_is_told_at_the_probe(restricted, both, namespace):
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
    with pytest.raises(PermanentError, match=r"give it a Role with the rule .*patch"):
        await splitter(await asyncio.to_thread(restricted, rule), namespace).probe()


@pytest.mark.parametrize("options", [{"canary": "old"}, {"replicas": 1}, {"stable": "Old"}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        splitter("kubeconfig", "shop", **options)
