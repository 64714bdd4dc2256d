"""The client that all drivers for Kubernetes share, before everything that can go wrong there."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.drivers.kubernetes.refusals import Conflict
from pilotage.testing import FaultsContract
from tests.drivers.kubeconfigs import written
from tests.kubernetes.objects import deployment

DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
NAMESPACE = Kind("", "v1", "Namespace", "namespaces", namespaced=False)


def config_map(name, **data):
    return {"metadata": {"name": name, "labels": {"app": "payment"}}, "data": data}


class OfACluster(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def cluster(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        return Cluster(ClusterOptions(kubeconfig=file, timeout_s=self.patience_s), Context(None, None))


class TestGet(OfACluster):
    def at(self, url):
        return self.cluster(url)

    async def act(self, driver):
        return await driver.get(DEPLOYMENT, "payment")


class TestPatch(TestGet):
    async def act(self, driver):
        return await driver.patch(DEPLOYMENT, "payment", {"spec": {"replicas": 2}}, "merge")


class TestCreate(TestGet):
    async def act(self, driver):
        return await driver.create(DEPLOYMENT, {"metadata": {"name": "payment"}})


class TestReplace(TestGet):
    async def act(self, driver):
        return await driver.replace(DEPLOYMENT, {"metadata": {"name": "payment"}})


class TestList(TestGet):
    async def act(self, driver):
        return await driver.list(DEPLOYMENT, labels={"app": "payment"})


@pytest.fixture
async def real(cluster, namespace):
    client = Cluster(ClusterOptions(kubeconfig=cluster.kubeconfig, namespace=namespace), Context(None, None))
    yield client
    await client.close()


class TestARealCluster:
    async def test_objects_are_made_listed_replaced_and_read(self, real):
        made = [await real.create(CONFIG_MAP, config_map(name, a="1")) for name in ("one", "two")]
        found = await real.list(CONFIG_MAP, labels={"app": "payment"})
        assert sorted(one["metadata"]["name"] for one in found) == ["one", "two"]
        found = await real.list(CONFIG_MAP, labels={"app": "payment"}, fields={"metadata.name": "two"})
        assert [one["metadata"]["name"] for one in found] == ["two"]
        replaced = await real.replace(CONFIG_MAP, {**made[0], "data": {"a": "2"}})
        assert (await real.get(CONFIG_MAP, "one"))["data"] == replaced["data"] == {"a": "2"}
        with pytest.raises(Conflict, match=r"ConfigMap one in the namespace .* at the same moment"):
            await real.replace(CONFIG_MAP, {**made[0], "data": {"a": "3"}})

    async def test_many_large_objects_come_page_by_page(self, real):
        """Pods of a mesh have 20 KiB each: 500 of them are more than anybody wants to hold at once."""
        text = "x" * 80_000
        await asyncio.gather(*[real.create(CONFIG_MAP, config_map(f"m{number}", a=text)) for number in range(120)])
        assert len(await real.list(CONFIG_MAP, labels={"app": "payment"})) == 120

    @pytest.mark.parametrize("how", ["merge", "strategic", "apply", "json"])
    async def test_patches_of_every_kind(self, real, how):
        await real.create(CONFIG_MAP, config_map("one", a="1"))
        json = [{"op": "replace", "path": "/data/a", "value": "2"}]
        patch = json if how == "json" else {"data": {"a": "2"}}
        if how == "apply":
            patch |= {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
        tried = await real.patch(CONFIG_MAP, "one", patch, how, dry_run=True, force=how == "apply")
        assert tried["data"] == {"a": "2"}
        assert (await real.get(CONFIG_MAP, "one"))["data"] == {"a": "1"}
        await real.patch(CONFIG_MAP, "one", patch, how, force=how == "apply")
        assert (await real.get(CONFIG_MAP, "one"))["data"] == {"a": "2"}

    async def test_a_part_of_an_object(self, real, cluster, namespace):
        cluster.apply(deployment("payment", "payment:1", replicas=1), namespace)
        scale = Kind("apps", "v1", "Deployment", "deployments", "scale")
        await real.patch(scale, "payment", {"spec": {"replicas": 3}}, "merge")
        assert (await real.get(scale, "payment"))["spec"]["replicas"] == 3

    async def test_an_object_without_a_namespace(self, real, namespace):
        assert (await real.get(NAMESPACE, namespace))["metadata"]["name"] == namespace

    async def test_what_is_there_already_and_what_is_not(self, real, cluster):
        await real.create(CONFIG_MAP, config_map("one"))
        with pytest.raises(PermanentError, match="already has the ConfigMap one"):
            await real.create(CONFIG_MAP, config_map("one"))
        with pytest.raises(PermanentError, match="has no ConfigMap three"):
            await real.get(CONFIG_MAP, "three")
        options = ClusterOptions(kubeconfig=cluster.kubeconfig, namespace="no-such")
        other = Cluster(options, Context(None, None))
        with pytest.raises(PermanentError, match="has no namespace no-such"):
            await other.create(CONFIG_MAP, config_map("one"))
        await other.close()

    async def test_a_pods_log(self, real, cluster, namespace, kubelet):
        kubelet.prints("payment:1", "hello", "world")
        cluster.apply(deployment("payment", "payment:1", replicas=1), namespace)
        place = f"/api/v1/namespaces/{namespace}/pods"
        ready = cluster.until(place, lambda pods: "Running" in str([one["status"] for one in pods["items"]]))
        pod = ready["items"][0]["metadata"]["name"]
        assert await real.log(pod, {"container": "app", "tailLines": "1"}) == b"world\n"


def test_the_library_is_loaded_only_when_a_cluster_is_asked():
    asks = "import sys, pilotage.drivers.traffic.gateway_api; sys.exit('lightkube' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks], check=False).returncode == 0
