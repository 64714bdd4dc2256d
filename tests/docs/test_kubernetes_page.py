"""The page about Kubernetes: its objects are applied, its plans are loaded, and its canary is brought to 100 %."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilotage import planfile
from tests.engine.on_kubernetes import PHASES, ClusterStage
from tests.engine.test_on_kubernetes_trouble import NEVER_WELL
from tests.kubernetes.access import Access
from tests.kubernetes.kubeconfig import by_token, write
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.shares import route
from tests.stage import local

PAGE = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OBJECTS = [one for one in BLOCKS if one.startswith("apiVersion")]
PLANS = [one for one in BLOCKS if one.startswith("pilotage")]
SPLITTERS = [one for one in BLOCKS if one.startswith("traffic")]


def test_there_is_nothing_else_in_it() -> None:
    assert (len(OBJECTS), len(PLANS), len(SPLITTERS)) == (4, 4, 2)
    assert len(OBJECTS + PLANS + SPLITTERS) == len(BLOCKS)


@pytest.mark.parametrize("text", PLANS, ids=lambda text: re.findall(r"driver: ([\w-]+)", text)[1])
def test_its_plans_are_good(text: str, tmp_path: Path) -> None:
    assert planfile.load(text, directory=tmp_path).version == "2.4.1"


@pytest.mark.parametrize("text", SPLITTERS, ids=lambda text: re.findall(r"driver: ([\w-]+)", text)[0])
def test_the_other_splitters_fit_into_its_plan(text: str, tmp_path: Path) -> None:
    plan = yaml.safe_load(PLANS[0]) | yaml.safe_load(text)
    assert planfile.load(json.dumps(plan), directory=tmp_path)


def test_what_it_says_is_told_of_pods_is_what_the_tests_of_whole_rollouts_find() -> None:
    for said in (one for texts in NEVER_WELL.values() for one in texts):
        told = said.replace("payment:2.1", "registry.example.org/payment:2.4.1").replace("3 s", "120 s")
        assert told in PAGE


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
    cluster: Access, namespace: str, kubelet: Kubelet, stage: ClusterStage, tmp_path: Path
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
    with ExitStack() as stack:
        split = stack.enter_context(route(cluster, namespace, "payment", "payment-canary"))
        stage.watched = split.share
        coordinator = stack.enter_context(local(tmp_path / "state"))
        body = {"plan": json.dumps(plan), "directory": str(tmp_path), "file": "plan.yaml", "by": "tester", "reason": ""}
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
