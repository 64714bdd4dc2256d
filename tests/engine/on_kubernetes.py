"""Whole rollouts on a real Kubernetes API server: real coordinator and engine, real drivers, real controllers.

There are no nodes and there is no data plane. Pods run on the fake kubelet, and the metrics are a stand-in: they follow
what the cluster's objects say: the weights of a route that its Gateway's (fake) controller has acknowledged, or
a Service's ready endpoints. The drivers act with an account of their own, which may do what they need and nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pilotage.cli.client import running
from tests.kubernetes.access import Access, Object
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.objects import deployment, http_route, service
from tests.kubernetes.shares import Endpoints, Split, endpoints, route
from tests.stage import Local, Stage

PHASES = [{"weight": "10%", "watch": "1s"}, {"weight": "50%", "watch": "1s"}, {"weight": "100%", "watch": "1s"}]
RULES = [
    {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "patch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["get", "patch"]},
    {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": ["get", "patch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts"], "verbs": ["get", "patch"]},
    {"apiGroups": ["argoproj.io"], "resources": ["rollouts/status"], "verbs": ["patch"]},
]


WIDE = {"min_requests": 5, "share_tolerance": 20}
"""While pods come and go the share of a Service moves through others than the wanted one."""


class ClusterStage(Stage):
    """Its counters follow the share that `watched` has."""

    watched: Callable[[], float] = staticmethod(lambda: 0.0)

    def weight(self) -> float:
        return self.watched()


class World:
    """A namespace, an account for the drivers, and a page of metrics."""

    def __init__(self, cluster: Access, namespace: str, kubelet: Kubelet, coordinator: Local, folder: Path) -> None:
        self.cluster, self.namespace, self.kubelet, self.coordinator = cluster, namespace, kubelet, coordinator
        self.folder = folder
        self.stage = ClusterStage(folder, rate=2000.0)
        self.kubeconfig = cluster.account(namespace, RULES, [], folder)
        self.timeout_s = 10.0
        """Of each request of the drivers."""

    def apply(self, *given: Object) -> None:
        for one in given:
            self.cluster.apply(one, self.namespace)

    def ready(self, name: str, kind: str = "deployments") -> None:
        self.cluster.until(self.place(name, kind), lambda one: one["status"].get("readyReplicas") == replicas(one))

    def place(self, name: str, kind: str = "deployments") -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/{kind}/{name}"

    @property
    def access(self) -> dict[str, Any]:
        """The options that all drivers have."""
        return {"namespace": self.namespace, "kubeconfig": str(self.kubeconfig), "timeout_s": self.timeout_s}

    def deploys(self, **options: Any) -> dict[str, Any]:
        return {"name": "pods", "driver": "kubernetes", "image": "payment:{version}", **self.access, **options}

    def splits(self, driver: str, **options: Any) -> dict[str, Any]:
        return {"name": "split", "driver": driver, **self.access, **options}

    def plan(self, **sections: Any) -> dict[str, Any]:
        """What is None is left out."""
        selectors = {"total": 'requests_total{group="$group"}', "bad": 'errors_total{group="$group"}'}
        page = {"driver": "scrape", "urls": [f"http://127.0.0.1:{self.stage.port}/metrics"]}
        said = {
            **{"pilotage": 1, "service": self.namespace, "environment": "test", "version": "2.1", "previous": "2.0"},
            **{"severity": "P0", "summary": "a test", "strategy": "canary", "known_bad": False},
            **{"baseline": "1s", "tick": "0.5s", "phases": PHASES, "success": {"min_requests": 5}},
            "metrics": {
                **{"sources": {"page": page}, "groups": {"canary": "new", "control": "old"}},
                "errors": {"source": "page", **selectors},
            },
            **sections,
        }
        text = json.dumps({name: one for name, one in said.items() if one is not None})
        return {"plan": text, "directory": str(self.folder), "file": "plan.yaml", "by": "tester", "reason": ""}

    def start(self, **sections: Any) -> str:
        return str(self.coordinator.api.post("/v1/rollouts", self.plan(**sections))["id"])

    def watched(self, rollout: str, phase: int) -> dict[str, Any]:
        """When that phase is being watched; 0 is the baseline."""
        return self.coordinator.until(
            rollout, lambda view: view["phase"] == phase and view["status"] == "watching" and view["progress"] > 0
        )

    def until(self, rollout: str, status: str, seconds: float = 60) -> dict[str, Any]:
        return self.coordinator.until(rollout, lambda view: view["status"] == status, seconds)

    def ended(self, rollout: str, seconds: float = 60) -> dict[str, Any]:
        return self.coordinator.ended(rollout, seconds)

    def order(self, rollout: str, command: str) -> dict[str, Any]:
        said = {"by": "ann", "reason": "r"}
        answer: dict[str, Any] = self.coordinator.api.post(f"/v1/rollouts/{rollout}/{command}", said)
        return answer

    def told(self, rollout: str, *kinds: str) -> list[dict[str, Any]]:
        events = self.coordinator.api.get(f"/v1/rollouts/{rollout}/events")
        return [one["event"] for one in events if one["event"]["kind"] in kinds]

    @contextmanager
    def served(self, name: str = "payment") -> Iterator[Endpoints]:
        """The metrics follow the ready endpoints of the Service; the canary's pods are those with 2.1."""
        with endpoints(self.cluster, self.namespace, name, "payment:2.1") as found:
            self.stage.watched = found.share
            yield found

    def passes(self, seconds: float) -> None:
        """Returns when metrics of so many more seconds have been read: time that the rollout has seen, too."""
        enough = self.stage.served() + self.stage.rate * seconds
        deadline = time.monotonic() + 60
        while self.stage.served() < enough:
            assert time.monotonic() < deadline, "nobody reads the metrics any more"
            time.sleep(0.05)


def replicas(found: Object) -> int:
    return int(found["spec"]["replicas"])


class Canary(World):
    """`payment` runs 2.0, `payment-canary` rests with 0 pods, both behind the HTTPRoute `payment`."""

    split: Split

    def programs(self, weight: float) -> None:
        """What the Gateway's controller does before it notes that it has seen a weight."""

    def prepare(self, stack: ExitStack) -> None:
        for name, count in (("payment", 2), ("payment-canary", 0)):
            self.apply(service(name, {"app": name}), deployment(name, "payment:2.0", count))
        self.apply(http_route("payment", {"payment": 100, "payment-canary": 0}))
        self.split = stack.enter_context(
            route(self.cluster, self.namespace, "payment", "payment-canary", self.programs)
        )
        self.stage.watched = self.split.share
        self.ready("payment")

    def plan(self, **sections: Any) -> dict[str, Any]:
        sides = {"canary": "payment-canary", "stable": "payment"}
        deploys = [self.deploys(deployment="payment-canary", replicas=2)]
        traffic = [self.splits("gateway-api", route="payment", **sides)]
        return super().plan(**{"deploy": deploys, "traffic": traffic, **sections})

    @property
    def canary(self) -> Object:
        """Its Deployment."""
        return self.cluster.get(self.place("payment-canary"))

    def weigh(self, canary: int) -> None:
        """As `kubectl patch --type merge` does it: somebody else's hand on the route."""
        rules = self.split.object["spec"]["rules"]
        for ref in rules[0]["backendRefs"]:
            ref["weight"] = canary if ref["name"] == "payment-canary" else 100 - canary
        self.cluster.patch(self.route_place, {"spec": {"rules": rules}})

    @property
    def route_place(self) -> str:
        return f"/apis/gateway.networking.k8s.io/v1/namespaces/{self.namespace}/httproutes/payment"


@pytest.fixture
def world(cluster: Access, namespace: str, kubelet: Kubelet, coordinator: Local, tmp_path: Path) -> Iterator[World]:
    """An empty namespace beside a coordinator that is up, whatever the test before has done to it."""
    if running(coordinator.state) is None:
        coordinator.up()
    one = World(cluster, namespace, kubelet, coordinator, tmp_path)
    yield one
    one.stage.close()


@pytest.fixture
def canary(cluster: Access, namespace: str, kubelet: Kubelet, coordinator: Local, tmp_path: Path) -> Iterator[Canary]:
    if running(coordinator.state) is None:
        coordinator.up()
    one = Canary(cluster, namespace, kubelet, coordinator, tmp_path)
    with ExitStack() as stack:
        stack.callback(one.stage.close)
        one.prepare(stack)
        yield one
