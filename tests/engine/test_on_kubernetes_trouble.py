"""Pods that never get ready, hands of others on the route, and rights that are missing or taken away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from pilotage.cli.client import ApiError
from tests.engine.on_kubernetes import RULES, Canary, canary, replicas
from tests.kubernetes.objects import deployment
from tests.stage import wait_for

__all__ = ["canary"]

LONG = [{"weight": "10%", "watch": "60s"}, {"weight": "100%", "watch": "60s"}]
NEVER_WELL = {
    "never-ready": (
        "it made no progress for 3 s (its progressDeadlineSeconds)",
        "it runs, and its readiness probe does not answer",
    ),
    "pull-fails": ("the image payment:2.1 cannot be pulled",),
    "crash-loop": ("it crash", "exit code 1"),
}


# -------------------------------------------------------------- pods


@pytest.mark.parametrize("how", NEVER_WELL)
def test_pods_that_never_get_ready_end_it_in_plain_words_before_any_traffic_has_moved(canary: Canary, how: str) -> None:
    canary.apply(deployment("payment-canary", "payment:2.0", 0, progressDeadlineSeconds=3))
    canary.kubelet.behave("payment:2.1", how)
    deploys = [canary.deploys(deployment="payment-canary", replicas=2, trouble_s=1)]
    rollout = canary.start(deploy=deploys, hold={"deadline": "2s", "then": "rollback"})
    view = canary.ended(rollout)
    assert (view["status"], canary.split.weights()) == ("rolled back", [0])
    for said in (view["reason"], canary.told(rollout, "step_failed")[0]["error"]):
        assert "the Deployment payment-canary" in said
        assert [one for one in NEVER_WELL[how] if one not in said] == []
    assert "kubectl rollout undo deployments/payment-canary" in view["reason"]
    assert replicas(canary.cluster.get(canary.place("payment"))) == 2


# -------------------------------------------------------------- somebody else changes the weights


def at_10(canary: Canary, **sections: Any) -> str:
    rollout = canary.start(phases=LONG, **sections)
    canary.watched(rollout, 1)
    return rollout


def test_weights_that_somebody_patched_hold_and_ask_and_resume_sets_them_again(canary: Canary) -> None:
    rollout = at_10(canary)
    canary.weigh(40)
    view = canary.coordinator.until(rollout, lambda view: view["needs_person"])
    assert view["status"] == "held"
    assert "split sends 40 % to the canary though 10 % was set: somebody has changed it" in view["reason"]
    canary.passes(2)
    assert canary.split.weights() == [0, 10, 40]
    assert canary.order(rollout, "resume")["status"] == "watching"
    wait_for(lambda: canary.split.share() == 10, 20)
    canary.order(rollout, "rollback")
    assert canary.split.weights() == [0, 10, 40, 10, 0]


def test_where_the_plan_says_restore_patched_weights_are_set_again_and_told(canary: Canary) -> None:
    rollout = at_10(canary, drift="restore")
    canary.weigh(40)
    wait_for(lambda: canary.split.weights() == [0, 10, 40, 10], 20)
    (told,) = canary.told(rollout, "weight_drifted")
    assert "sends 40 % to the canary though 10 % was set" in told["reason"]
    canary.until(rollout, "watching")
    canary.order(rollout, "rollback")


def test_a_route_that_somebody_took_to_nothing_is_a_rollback_and_is_not_set_again(canary: Canary) -> None:
    rollout = at_10(canary, drift="restore")
    canary.weigh(0)
    view = canary.ended(rollout)
    assert (view["status"], canary.split.weights()) == ("rolled back", [0, 10, 0])
    assert "taken back from outside" in view["reason"]


# -------------------------------------------------------------- other writers of the same route


@contextmanager
def writing(canary: Canary, write: Callable[[httpx.Client, int], bool], pause_s: float) -> Iterator[list[int]]:
    """Another program that writes again and again; gives what it has written: `write` says whether it was taken."""
    ended, written, failed = threading.Event(), list[int](), list[BaseException]()

    def work() -> None:
        try:
            with httpx.Client(timeout=20, **canary.cluster.how) as api:
                while not ended.wait(pause_s):
                    if write(api, len(written) + 1):
                        written.append(len(written) + 1)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()
        assert not failed, failed


def noting(canary: Canary) -> Callable[[httpx.Client, int], bool]:
    def note(api: httpx.Client, number: int) -> bool:
        noted = {"labels": {"other": str(number)}, "annotations": {"other.example.org/seen": str(number)}}
        headers = {"content-type": "application/merge-patch+json"}
        api.patch(canary.route_place, json={"metadata": noted}, headers=headers).raise_for_status()
        return True

    return note


def test_a_writer_of_labels_and_annotations_that_never_rests_keeps_no_shift_from_happening(canary: Canary) -> None:
    with writing(canary, noting(canary), 0.0) as written:
        rollout = canary.start()
        assert canary.ended(rollout)["status"] == "promoted"
    assert len(written) > 100
    assert canary.split.weights() == [0, 10, 50, 100]
    found = canary.cluster.get(canary.route_place)["metadata"]
    assert found["labels"]["other"] == found["annotations"]["other.example.org/seen"] == str(written[-1])
    assert canary.told(rollout, "step_failed", "held") == []


def test_nor_does_it_keep_anybody_from_going_back(canary: Canary) -> None:
    rollout = at_10(canary)
    with writing(canary, noting(canary), 0.0) as written:
        wait_for(lambda: len(written) > 20, 30)
        ordered = time.monotonic()
        assert canary.order(rollout, "rollback")["done"] is True
        assert canary.split.since(0) - ordered < 5
    assert canary.split.weights() == [0, 10, 0]


def test_a_controller_that_writes_other_rules_of_the_route_loses_none_and_gets_none_of_ours(canary: Canary) -> None:
    def rule(api: httpx.Client, number: int) -> bool:
        """Before ours and with other Services, as a controller does it: read, change, replace what was read."""
        found = api.get(canary.route_place).json()
        ours = [one for one in found["spec"]["rules"] if len(one["backendRefs"]) == 2]
        match = {"path": {"type": "PathPrefix", "value": f"/v{number}"}}
        theirs = {"matches": [match], "backendRefs": [{"name": "payment", "port": 80}]}
        found["spec"]["rules"] = [theirs, *ours] if number % 2 else [*ours, theirs]
        answer = api.put(canary.route_place, json=found)
        assert answer.status_code in (200, 409), answer.text
        return answer.status_code == 200

    with writing(canary, rule, 0.1) as written:
        rollout = canary.start(phases=[{"weight": "10%", "watch": "1s"}, {"weight": "100%", "watch": "1s"}])
        assert canary.ended(rollout)["status"] == "promoted"
    assert len(written) > 10
    assert canary.split.weights() == [0, 10, 100]
    rules = canary.cluster.get(canary.route_place)["spec"]["rules"]
    assert len(rules) == 2
    assert [one["matches"][0]["path"]["value"] for one in rules if len(one["backendRefs"]) == 1] == [f"/v{written[-1]}"]


# -------------------------------------------------------------- rights


def without_patch(group: str) -> list[dict[str, list[str]]]:
    return [{**one, "verbs": ["get", "list"]} if one["apiGroups"] == [group] else one for one in RULES]


def test_an_account_that_may_not_patch_the_route_starts_nothing_and_is_told_the_rule(canary: Canary) -> None:
    canary.kubeconfig = canary.cluster.account(
        canary.namespace, without_patch("gateway.networking.k8s.io"), [], canary.folder
    )
    before = canary.canary
    with pytest.raises(ApiError) as refused:
        canary.start()
    said = str(refused.value)
    assert "split: " in said
    assert "does not allow the kubeconfig's user to patch httproutes.gateway.networking.k8s.io" in said
    assert 'the rule {apiGroups: ["gateway.networking.k8s.io"], resources: [httproutes], verbs: [patch]}' in said
    assert canary.split.weights() == [0]
    assert canary.canary["metadata"]["generation"] == before["metadata"]["generation"]


def test_a_right_that_was_taken_away_keeps_no_rollback_from_working_once_it_is_back(canary: Canary) -> None:
    rollout = at_10(canary)
    role = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{canary.namespace}/roles/{canary.kubeconfig.name}"
    canary.cluster.patch(role, {"rules": without_patch("gateway.networking.k8s.io")})
    answers: list[dict[str, Any]] = []
    ordering = threading.Thread(target=lambda: answers.append(canary.order(rollout, "rollback")), daemon=True)
    ordering.start()
    wait_for(lambda: bool(canary.told(rollout, "person_needed")), 30)
    (failed,) = canary.told(rollout, "step_failed")
    assert "to patch httproutes.gateway.networking.k8s.io" in failed["error"]
    assert failed["will"] == "the rollback goes on trying"
    assert canary.coordinator.view(rollout)["status"] == "rolling back"
    assert canary.split.weights() == [0, 10]
    canary.cluster.patch(role, {"rules": RULES})
    assert canary.ended(rollout)["status"] == "rolled back"
    ordering.join(30)
    assert answers[0]["done"] is True
    assert canary.split.weights() == [0, 10, 0]
