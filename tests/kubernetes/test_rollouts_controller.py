"""The real controller of Argo Rollouts moves a Rollout's canary on this cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.kubernetes.access import Access, Object
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.objects import deployment


def rollout(image: str) -> Object:
    wanted = deployment("payment", image, replicas=4)
    steps = [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]
    return {
        **wanted,
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "spec": {**wanted["spec"], "strategy": {"canary": {"steps": steps}}},
    }


def test_a_rollout_pauses_at_its_first_weight_and_goes_on_when_it_is_told(
    cluster: Access, namespace: str, kubelet: Kubelet, argo: Path
) -> None:
    place = cluster.place(rollout("payment:1.0"), namespace)
    cluster.apply(rollout("payment:1.0"), namespace)
    cluster.until(place, lambda one: _status(one, "phase") == "Healthy")
    cluster.apply(rollout("payment:2.0"), namespace)
    cluster.until(place, lambda one: _status(one, "phase") == "Paused" and _status(one, "currentStepIndex") == 1)
    assert _images(cluster, namespace) == ["payment:1.0"] * 3 + ["payment:2.0"]
    cluster.patch(f"{place}/status", {"status": {"pauseConditions": None}})
    cluster.until(place, lambda one: _status(one, "phase") == "Paused" and _status(one, "currentStepIndex") == 3)
    cluster.patch(f"{place}/status", {"status": {"abort": True}})
    cluster.until(place, lambda one: _status(one, "phase") == "Degraded" and _status(one, "abort"))
    cluster.until(f"/api/v1/namespaces/{namespace}/pods", lambda _: _images(cluster, namespace) == ["payment:1.0"] * 4)


def _status(one: Object, key: str) -> Any:
    return one.get("status", {}).get(key)


def _images(cluster: Access, namespace: str) -> list[str]:
    pods = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    return sorted(one["spec"]["containers"][0]["image"] for one in pods if "deletionTimestamp" not in one["metadata"])
