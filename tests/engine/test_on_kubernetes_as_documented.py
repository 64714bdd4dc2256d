"""The page about Kubernetes: its objects are applied, and its canary gets all requests by the rights that it names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.test_kubernetes_page import OBJECTS, PLANS
from tests.engine.on_kubernetes import PHASES, ClusterStage
from tests.kubernetes.access import Access
from tests.kubernetes.kubeconfig import by_token, write
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.shares import route
from tests.stage import Local


def test_its_objects_are_taken(cluster: Access, namespace: str) -> None:
    for text in OBJECTS:
        made = cluster.apply(within(text, namespace), namespace)
        assert made["metadata"]["namespace"] == namespace


def within(text: str, namespace: str) -> str:
    return re.sub(r"namespace: shop\b", f"namespace: {namespace}", text)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ClusterStage]:
    stage = ClusterStage(tmp_path, rate=2000.0)
    yield stage
    stage.close()


def test_its_canary_gets_all_requests_with_the_rights_that_it_names(
    cluster: Access, namespace: str, kubelet: Kubelet, coordinator: Local, stage: ClusterStage, tmp_path: Path
) -> None:
    """The page's own objects, account and plan; only the watches are shorter, and the metrics those of the test."""
    objects, rights = OBJECTS[:2]
    for text in (objects, rights):
        cluster.apply(within(text, namespace), namespace)
    plan: dict[str, Any] = yaml.safe_load(within(PLANS[0], namespace))
    access = {"kubeconfig": str(account(cluster, namespace, tmp_path))}
    plan["deploy"][0] |= access
    plan["traffic"][0] |= access
    plan |= {"baseline": "1s", "tick": "0.5s", "phases": PHASES}
    plan["metrics"] = {
        "sources": {"page": {"driver": "scrape", "urls": [f"http://127.0.0.1:{stage.port}/metrics"]}},
        "groups": {"canary": "new", "control": "old"},
        "errors": {
            **{"source": "page", "total": 'requests_total{group="$group"}', "bad": 'errors_total{group="$group"}'}
        },
    }
    body = {"plan": json.dumps(plan), "directory": str(tmp_path), "file": "plan.yaml", "by": "tester", "reason": ""}
    with route(cluster, namespace, "payment", "payment-canary") as split:
        stage.watched = split.share
        rollout = coordinator.api.post("/v1/rollouts", body)["id"]
        assert coordinator.ended(rollout)["status"] == "promoted"
        assert split.weights() == [0, 10, 50, 100]
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector="app=payment-canary")["items"]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods] == ["registry.example.org/payment:2.4.1"] * 3


def account(cluster: Access, namespace: str, folder: Path) -> Path:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    place = f"/api/v1/namespaces/{namespace}/serviceaccounts/pilotage/token"
    answer = cluster.api.post(place, json=request).raise_for_status().json()
    token = by_token(answer["status"]["token"])
    return write(folder / "pilotage.kubeconfig", cluster.server, cluster.authority.encode(), token, namespace)
