"""Shares by numbers of pods, on a real API server and its controllers; a fake kubelet plays the nodes."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
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
