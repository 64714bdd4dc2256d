"""Blue-green by a Service's selector, on a real API server and its controllers; a fake kubelet plays the nodes."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.traffic.kubernetes_service import KubernetesServiceTraffic
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, call
from tests.drivers.kubeconfigs import written
from tests.kubernetes.objects import deployment, service


def splitter(kubeconfig, namespace, **options):
    given = {"service": "payment", "label": "colour", "canary": "green", "stable": "blue"}
    given |= {"kubeconfig": str(kubeconfig), "namespace": namespace} | options
    return KubernetesServiceTraffic(KubernetesServiceTraffic.Options.model_validate(given), Context(None, None))


def ready(found):
    return found["status"].get("availableReplicas") == 2


@pytest.fixture
async def colours(cluster, namespace, kubelet):
    """Two Deployments of two pods each, and a Service for blue."""

    def make():
        for colour in ("blue", "green"):
            labels = {"app": "payment", "colour": colour}
            cluster.apply(deployment(colour, "registry.test/payment:v1", 2, labels), namespace)
        cluster.apply(service("payment", {"app": "payment", "colour": "blue"}), namespace)
        for colour in ("blue", "green"):
            cluster.until(f"/apis/apps/v1/namespaces/{namespace}/deployments/{colour}", ready, 30)

    await asyncio.to_thread(make)
    return cluster


class TestKubernetesService(TrafficContract, StepsContract):
    weights = (0, 100, 0)
    some = (100, 100)
    asked = (0, 30, 60, 100)

    @pytest.fixture
    async def driver(self, colours, namespace):
        one = splitter(colours.kubeconfig, namespace)
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


class TestKubernetesServiceFaults(OfACluster):
    pass


class TestKubernetesServiceChangeFaults(OfACluster):
    async def act(self, driver):
        return await driver.set_weight(0, call("a", 2))


def serving(cluster, namespace):
    """The pods that requests really go to."""
    slices = cluster.get(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices")["items"]
    return {end["targetRef"]["name"] for one in slices for end in one.get("endpoints") or []}


async def test_a_switch_has_ended_when_the_slices_name_the_new_colour_only(colours, namespace):
    one = splitter(colours.kubeconfig, namespace)
    for weight, colour in ((100, "green"), (0, "blue"), (100, "green")):
        assert await one.set_weight(weight, call(f"to {weight} {colour}")) == weight
        pods = serving(colours, namespace)
        assert len(pods) == 2
        assert all(pod.startswith(colour) for pod in pods)
        await one.set_weight(weight, call(f"again {colour}"))


async def test_nobody_is_sent_to_a_colour_without_a_ready_pod(colours, namespace, kubelet):
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments/green"
    await asyncio.to_thread(colours.patch, place, {"spec": {"replicas": 0}})
    await asyncio.to_thread(colours.until, place, lambda one: not one["status"].get("availableReplicas"), 20)
    one = splitter(colours.kubeconfig, namespace)
    with pytest.raises(PermanentError, match="send everything to nobody: no pod with colour=green is ready"):
        await one.set_weight(100, call("a"))
    assert await one.read_weight() == 0


async def test_going_back_does_not_ask_whether_the_old_colour_is_ready(colours, namespace):
    one = splitter(colours.kubeconfig, namespace)
    await one.set_weight(100, call("a"))
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments/blue"
    await asyncio.to_thread(colours.patch, place, {"spec": {"replicas": 0}})
    await asyncio.to_thread(colours.until, place, lambda found: not found["status"].get("availableReplicas"), 20)
    assert await one.set_weight(0, call("b")) == 0


async def test_a_share_is_refused_in_plain_words(colours, namespace):
    with pytest.raises(PermanentError, match=r"all or nothing: 10 % cannot be set\. Use strategy: blue-green"):
        await splitter(colours.kubeconfig, namespace).set_weight(10, call("a"))


async def test_a_colour_that_somebody_else_set_is_seen(colours, namespace):
    one, place = splitter(colours.kubeconfig, namespace), f"/api/v1/namespaces/{namespace}/services/payment"
    await asyncio.to_thread(colours.patch, place, {"spec": {"selector": {"colour": "green"}}})
    assert await one.read_weight() == 100
    await asyncio.to_thread(colours.patch, place, {"spec": {"selector": {"colour": "red"}}})
    with pytest.raises(PermanentError, match="has colour=red in its selector; expected colour=blue or green"):
        await one.read_weight()
    await asyncio.to_thread(colours.patch, place, {"spec": {"selector": {"colour": None}}})
    with pytest.raises(PermanentError, match="has no label colour"):
        await one.probe()


LEAST = (
    {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
)


async def test_the_least_rights_suffice(restricted, colours, namespace):
    one = splitter(await asyncio.to_thread(restricted, *LEAST), namespace)
    assert "ready: 2 pods of green, 2 pods of blue" in await one.probe()
    assert await one.set_weight(100, call("a")) == 100
    await one.close()


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_right_that_is_missing_is_told_at_the_probe(restricted, colours, namespace, left):
    kubeconfig = await asyncio.to_thread(restricted, *(LEAST[:left] + LEAST[left + 1 :]))
    with pytest.raises(PermanentError, match=rf"give it a Role with the rule .*{LEAST[left]['resources'][0]}"):
        await splitter(kubeconfig, namespace).probe()


@pytest.mark.parametrize("options", [{"canary": "blue"}, {"service": "Pay ment"}, {"label": "a b"}, {"canary": "-x"}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        splitter("kubeconfig", "shop", **options)
