"""Weights of an Argo Rollout, with Argo's own controller on a real API server. Pods run on a fake kubelet, and no
proxy is there: what the controller writes for nginx, an Ingress, is what its traffic would follow."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.kubernetes.rollouts import ArgoRollout
from pilotage.drivers.traffic import argo_rollouts
from pilotage.drivers.traffic.argo_rollouts import ArgoRolloutsTraffic
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.drivers.kubeconfigs import written
from tests.drivers.roles import least
from tests.kubernetes.objects import deployment, service

LEAST = least("argo-rollouts (traffic)")
SLOW_S = 40.0


def held(*weights):
    return [{"pause": {}}, *(step for weight in weights for step in ({"setWeight": weight}, {"pause": {}}))]


def rollout(steps, image="payment:1", replicas=1, routing=True, total=1000):
    canary = {"steps": steps}
    if routing:
        nginx = {"nginx": {"stableIngress": "payment"}, "maxTrafficWeight": total}
        canary |= {"canaryService": "payment-canary", "stableService": "payment-stable", "trafficRouting": nginx}
    pods = {"metadata": {"labels": {"app": "payment"}}, "spec": {"containers": [{"name": "app", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "payment"}}, "template": pods}
    spec |= {"strategy": {"canary": canary}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "payment"}, "spec": spec}


def ingress():
    backend = {"service": {"name": "payment-stable", "port": {"number": 80}}}
    rule = {"host": "shop.example.org", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    spec = {"ingressClassName": "nginx", "rules": [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "payment"}, "spec": spec}


class Stage:
    def __init__(self, cluster, namespace, kubeconfig):
        self.cluster, self.namespace, self.kubeconfig = cluster, namespace, kubeconfig
        self.place = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts/payment"

    def driver(self, **others):
        options = {"rollout": "payment", "kubeconfig": self.kubeconfig, "namespace": self.namespace, **others}
        return ArgoRolloutsTraffic(ArgoRolloutsTraffic.Options.model_validate(options), Context(None, None))

    def deployed(self, steps, **more):
        """Version 1 is stable and version 2 waits at the first pause."""
        self.cluster.apply(rollout(steps, **more), self.namespace)
        self.cluster.until(self.place, lambda one: _status(one).get("phase") == "Healthy")
        self.cluster.apply(rollout(steps, image="payment:2", **more), self.namespace)
        self.cluster.until(self.place, lambda one: _status(one).get("pauseConditions"))
        return self

    @property
    def status(self):
        return self.cluster.get(self.place)["status"]

    @property
    def nginx(self):
        """What nginx would send to the canary, of 1,000."""
        place = f"/apis/networking.k8s.io/v1/namespaces/{self.namespace}/ingresses/payment-payment-canary"
        return int(self.cluster.get(place)["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary-weight"])

    def patch(self, spec):
        self.cluster.patch(self.place, {"spec": spec})


def _status(one):
    return one.get("status") or {}


def within(key, timeout_s=SLOW_S):
    return call(key, timeout_s)


@pytest.fixture
def empty(cluster, namespace, restricted, kubelet, argo):
    for name in ("payment-stable", "payment-canary"):
        cluster.apply(service(name, {"app": "payment"}), namespace)
    cluster.apply(ingress(), namespace)
    return Stage(cluster, namespace, restricted(*LEAST))


@pytest.fixture
def stage(empty):
    return empty.deployed(held(5, 100, 250, 500, 750))


@pytest.fixture
async def driver(stage):
    driver = stage.driver()
    yield driver
    await driver.close()


class TestArgoRollouts(TrafficContract, UnreachableContract, StepsContract):
    """With the least rights that the documentation names."""

    asked = (0, 10, 30, 55)

    @pytest.fixture
    def unreachable(self, tmp_path):
        file = written(tmp_path / "nowhere", f"https://127.0.0.1:{servers.free_port()}", token="t")
        options = ArgoRolloutsTraffic.Options(rollout="payment", kubeconfig=file)
        return ArgoRolloutsTraffic(options, Context(None, None))


async def test_a_whole_rollout_up_and_back(driver, stage):
    for weight in (10, 50, 25):
        assert await driver.set_weight(weight, within(f"{weight}")) == weight
        assert stage.nginx == weight * 10
        await asyncio.sleep(0.5)  # a controller that runs on past the pause would do so now
        assert await driver.read_weight() == weight
    assert await driver.set_weight(0, within("back")) == 0
    assert stage.nginx == 0
    assert stage.status["abort"] is True
    assert await driver.set_weight(50, within("again")) == 50


async def test_no_weight_at_the_first_pause_needs_no_abort(driver, stage):
    assert await driver.set_weight(0, within("a")) == 0
    assert "abort" not in stage.status


async def test_a_full_promotion_cannot_be_taken_back_and_says_so(driver, stage):
    assert await driver.set_weight(100, within("a")) == 100
    assert stage.status["stableRS"] == stage.status["currentPodHash"]
    with pytest.raises(PermanentError, match=r"is fully promoted, .*kubectl argo rollouts undo"):
        await driver.set_weight(0, within("b"))
    assert await driver.read_weight() == 100


async def test_but_for_the_next_plan_the_promoted_version_is_the_stable_one(driver, stage):
    await driver.set_weight(100, within("a"))
    assert await driver.set_weight(0, replace(within("next"), version="v3")) == 0
    assert await driver.read_weight() == 0


async def test_a_request_that_comes_late_is_refused(driver, stage):
    """Of a call that was ended, or whose coordinator died."""
    late = stage.cluster.get(stage.place)
    assert await driver.set_weight(0, within("back")) == 0
    version = {"resourceVersion": late["metadata"]["resourceVersion"]}
    body = {"metadata": version, "status": {"currentStepIndex": 9}}
    with pytest.raises(TemporaryError, match="at the same moment"):
        await driver._cluster.patch(argo_rollouts._STATUS, "payment", body, "merge")
    assert await driver.read_weight() == 0


async def test_a_step_of_100_can_be_taken_back(empty):
    driver = empty.deployed(held(100, 1000)).driver()
    assert await driver.set_weight(100, within("a")) == 100
    assert empty.status["stableRS"] != empty.status["currentPodHash"]
    assert await driver.set_weight(0, within("b")) == 0
    assert empty.nginx == 0
    await driver.close()


async def test_without_a_traffic_router_the_weight_is_the_share_of_pods(empty):
    driver = empty.deployed(held(25, 50), routing=False, replicas=4).driver()
    assert await driver.set_weight(50, within("a")) == 50
    assert await driver.set_weight(0, within("b")) == 0
    assert await driver.set_weight(100, within("c")) == 100
    await driver.close()


async def test_what_somebody_else_does_is_read(driver, stage):
    await driver.set_weight(10, within("a"))
    patch = '{"status": {"pauseConditions": null}}'  # as kubectl argo rollouts promote does
    stage.cluster._send("PATCH", f"{stage.place}/status", patch, kind="application/merge-patch+json")
    stage.cluster.until(stage.place, lambda one: one["status"]["currentStepIndex"] == 6)
    assert await driver.read_weight() == 25


async def test_a_version_of_a_workload_that_it_refers_to(empty):
    pods = deployment("payment", "payment:1", replicas=0, labels={"app": "payment"})
    made = rollout(held(100))
    made["spec"] |= {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payment"}}
    del made["spec"]["template"], made["spec"]["selector"]
    empty.cluster.apply(pods, empty.namespace)
    empty.cluster.apply(made, empty.namespace)
    empty.cluster.until(empty.place, lambda one: _status(one).get("phase") == "Healthy")
    driver = empty.driver()
    empty.cluster.apply(deployment("payment", "payment:2", 0, {"app": "payment"}), empty.namespace)
    note = "rollout.argoproj.io/workload-generation"
    empty.cluster.until(empty.place, lambda one: one["metadata"]["annotations"][note] == "2")
    assert await driver.set_weight(10, within("a")) == 10
    assert await driver.set_weight(0, within("b")) == 0
    await driver.close()


def test_a_workload_that_argo_has_not_looked_at_has_not_been_seen():
    note, status = "rollout.argoproj.io/workload-generation", {"observedGeneration": "3"}
    for generation, observed, seen in (("2", "1", False), ("2", "2", True), ("2", None, True)):
        meta = {"name": "payment", "generation": 3, "annotations": {note: generation}}
        found = {"metadata": meta, "spec": {"strategy": {"canary": {}}}}
        found["status"] = {**status, "workloadObservedGeneration": observed}
        assert ArgoRollout(found, "it").seen is seen


class TestGoingBack:
    """Depends on nothing that only going forward needs."""

    async def test_counts_when_argo_is_no_longer_at_work_on_the_step_that_was_wanted_before(self, driver, stage):
        for number in range(8):
            forward = asyncio.create_task(driver.set_weight(75, within(f"forward-{number}")))
            await asyncio.wait([forward], timeout=0.04 + 0.01 * number)
            forward.cancel()
            await asyncio.wait([forward])
            assert await driver.set_weight(0, within(f"back-{number}")) == 0
            for _ in range(12):
                assert (await driver.read_weight(), stage.nginx) == (0, 0)
                await asyncio.sleep(0.02)

    async def test_of_one_that_somebody_paused(self, driver, stage):
        """Argo leaves the traffic of such a one as it is, also when it is aborted."""
        await driver.set_weight(10, within("a"))
        stage.patch({"paused": True})
        stage.cluster.until(stage.place, lambda one: one["status"].get("observedGeneration") == generation(one))
        assert await driver.set_weight(0, within("b")) == 0
        assert stage.nginx == 0

    async def test_of_one_without_a_router_that_somebody_paused(self, empty):
        empty.deployed(held(50), routing=False, replicas=2)
        driver = empty.driver()
        await driver.set_weight(50, within("a"))
        empty.patch({"paused": True})
        empty.cluster.until(empty.place, lambda one: one["status"].get("observedGeneration") == generation(one))
        assert await driver.set_weight(0, within("b")) == 0
        await driver.close()

    async def test_of_one_whose_steps_somebody_changed(self, driver, stage):
        await driver.set_weight(10, within("a"))
        steps = [*held(100), {"experiment": {"templates": [{"name": "x", "specRef": "canary"}]}}]
        stage.patch({"strategy": {"canary": {"steps": steps}}})
        assert await driver.set_weight(0, within("b")) == 0
        assert stage.nginx == 0


def generation(one):
    return str(one["metadata"]["generation"])


class TestErrors:
    async def test_a_weight_that_no_step_holds(self, driver):
        with pytest.raises(PermanentError, match=r"no step with setWeight for 33 % .* hold 0.5, 10, 25, 50, 75"):
            await driver.set_weight(33, within("a"))
        assert await driver.nearest(33) == 25  # so that the plan is refused before anything has moved

    async def test_a_rollout_that_is_not_there(self, stage):
        with pytest.raises(PermanentError, match="has no Rollout basket"):
            await stage.driver(rollout="basket").probe()

    async def test_no_new_version_to_move(self, empty):
        empty.cluster.apply(rollout(held(100)), empty.namespace)
        empty.cluster.until(empty.place, lambda one: _status(one).get("phase") == "Healthy")
        driver = empty.driver()
        assert await driver.read_weight() == 0
        assert await driver.set_weight(0, within("a")) == 0
        with pytest.raises(PermanentError, match="deploy the new one first"):
            await driver.set_weight(10, within("b"))
        await driver.close()

    async def test_an_abort_by_somebody_else_is_not_undone(self, driver, stage):
        await driver.set_weight(10, within("a"))
        stage.cluster._send(
            "PATCH", f"{stage.place}/status", '{"status": {"abort": true}}', kind="application/merge-patch+json"
        )
        stage.cluster.until(stage.place, lambda one: one["status"].get("abortedAt"))
        with pytest.raises(PermanentError, match="was aborted, and not by Pilotage"):
            await driver.set_weight(50, within("b"))
        assert await driver.set_weight(0, within("c")) == 0

    async def test_steps_that_would_be_passed_over_are_refused(self, driver, stage):
        steps = [{"analysis": {"templates": [{"templateName": "errors"}]}}, *held(100)]
        stage.patch({"strategy": {"canary": {"steps": steps}}})
        with pytest.raises(PermanentError, match="steps of the kind analysis"):
            await driver.probe()

    async def test_a_blue_green_strategy_has_no_weights(self, driver, stage):
        blue_green = {"activeService": "payment-stable", "autoPromotionEnabled": False}
        stage.patch({"strategy": {"canary": None, "blueGreen": blue_green}})
        with pytest.raises(PermanentError, match="has no canary strategy"):
            await driver.probe()

    async def test_one_that_somebody_paused(self, driver, stage):
        stage.patch({"paused": True})
        with pytest.raises(PermanentError, match=r"paused by somebody \(spec.paused\)"):
            await driver.set_weight(10, within("a"))

    async def test_pods_that_do_not_come_up_are_told_in_time(self, empty, kubelet):
        empty.deployed(held(100, 500))
        kubelet.behave("payment:3", "never-ready")
        empty.cluster.apply(rollout(held(100, 500), image="payment:3"), empty.namespace)
        driver = empty.driver()
        with pytest.raises(TemporaryError, match=r"on its way to 10 %, and not there within 3 s \("):
            await driver.set_weight(10, within("a", 3))
        assert await driver.set_weight(0, within("b")) == 0
        await driver.close()

    async def test_less_than_the_least_rights_is_told_with_the_missing_rule(self, stage, restricted):
        stage.kubeconfig = restricted(LEAST[0])
        rule = r'\{apiGroups: \["argoproj.io"\], resources: \[rollouts/status\], verbs: \[patch\]\}'
        with pytest.raises(PermanentError, match=rule):
            await stage.driver().probe()


async def test_a_controller_that_does_not_run_is_told(cluster, namespace):
    stage = Stage(cluster, namespace, cluster.kubeconfig)
    cluster.apply(rollout(held(100)), namespace)
    driver = stage.driver()
    with pytest.raises(TemporaryError, match="has no stable version yet"):
        await driver.probe()
    with pytest.raises(TemporaryError, match="Argo's controller has not looked at it within 1 s"):
        await driver.set_weight(0, within("a", 1))
    await driver.close()


class OfAServer(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        options = ArgoRolloutsTraffic.Options(rollout="payment", kubeconfig=file, timeout_s=self.patience_s)
        return ArgoRolloutsTraffic(options, Context(None, None))


class TestArgoRolloutsLooks(OfAServer):
    pass


class TestArgoRolloutsChanges(OfAServer):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))
