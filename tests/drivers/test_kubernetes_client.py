"""The client that all drivers for Kubernetes share, before everything that can go wrong there."""

from __future__ import annotations

import pytest

from pilotage.drivers import Context
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.testing import FaultsContract
from tests.drivers.kubeconfigs import written

DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")


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
