"""The cluster that other tests rely on behaves as a real one does, since its control plane is a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.kubernetes.access import Access
from tests.kubernetes.kubelet import Kubelet
from tests.kubernetes.objects import deployment, http_route, service


def _condition(one: dict[str, object], kind: str) -> str:
    conditions = one.get("status", {}).get("conditions", [])  # type: ignore[attr-defined]
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")


def test_a_deployment_becomes_available(cluster: Access, namespace: str, kubelet: Kubelet) -> None:
    place = cluster.place(deployment("payment", "payment:2.0"), namespace)
    cluster.apply(deployment("payment", "payment:2.0", replicas=3), namespace)
    cluster.until(place, lambda one: one["status"].get("availableReplicas") == 3)
    assert _condition(cluster.get(place), "Available") == "True"


def test_without_a_kubelet_pods_wait(cluster: Access, namespace: str) -> None:
    cluster.apply(deployment("payment", "payment:2.0", replicas=1), namespace)
    pods = cluster.until(f"/api/v1/namespaces/{namespace}/pods", lambda found: found["items"])
    assert pods["items"][0]["status"]["phase"] == "Pending"


def test_a_route_of_the_gateway_api_can_be_made_and_a_wrong_one_is_refused(cluster: Access, namespace: str) -> None:
    made = cluster.apply(http_route("payment", {"payment-stable": 90, "payment-canary": 10}), namespace)
    assert [one["weight"] for one in made["spec"]["rules"][0]["backendRefs"]] == [90, 10]
    with pytest.raises(httpx.HTTPStatusError, match=r"1e\+06|1000000"):
        cluster.apply(http_route("payment", {"payment-stable": 2_000_000}), namespace)


def test_an_account_may_do_what_it_was_given_and_nothing_else(
    cluster: Access, namespace: str, restricted: Callable[..., Path]
) -> None:
    account = Access(restricted({"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list"]}))
    assert account.get(f"/api/v1/namespaces/{namespace}/services")["items"] == []
    with pytest.raises(httpx.HTTPStatusError, match='cannot list resource \\\\"pods\\\\"') as refused:
        account.get(f"/api/v1/namespaces/{namespace}/pods")
    assert refused.value.response.status_code == 403
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        account.get("/api/v1/namespaces/default/services")
    account.close()


def test_a_service_s_endpoints_are_the_ready_pods(cluster: Access, namespace: str, kubelet: Kubelet) -> None:
    cluster.apply(service("payment", {"app": "payment"}), namespace)
    cluster.apply(deployment("payment", "payment:2.0", replicas=1), namespace)
    labels = {"app": "payment", "version": "2"}
    cluster.apply(deployment("other", "payment:never-ready", replicas=1, labels=labels), namespace)
    place = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"

    def ready(found: dict[str, list[dict[str, list[dict[str, dict[str, bool]]]]]]) -> bool:
        all_of_them = [one["conditions"]["ready"] for each in found["items"] for one in each.get("endpoints") or []]
        return sorted(all_of_them) == [False, True]

    cluster.until(place, ready)
