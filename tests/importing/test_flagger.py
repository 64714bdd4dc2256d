"""A Flagger Canary becomes a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilotage.core.brief import Brief
from pilotage.importing import Imported, import_files

CANARY = Path(__file__).parent / "files" / "canary.yaml"


def imported(*files: Path) -> Imported:
    return import_files("flagger", files)


def plan_of(found: Imported) -> dict[str, Any]:
    return found.plan(found.brief(Brief(text="")), False).data


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> Imported:
    text = CANARY.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "canary.yaml"
    file.write_text(text)
    return imported(file)


RISING = ("    maxWeight: 50\n    stepWeight: 20\n", "{}")


def test_weights_rise_by_the_step_and_gates_become_approvals() -> None:
    assert plan_of(imported(CANARY))["phases"] == [
        {"weight": "20%", "watch": "2m", "approval": True},
        {"weight": "40%", "watch": "2m"},
        {"weight": "60%", "watch": "2m"},
        {"weight": "100%", "watch": "30m", "approval": True},
    ]


def test_the_builtin_checks_are_read_by_the_workload_as_flagger_does() -> None:
    plan = plan_of(imported(CANARY))
    where = 'reporter="destination",destination_workload_namespace="shop",destination_workload=~"$group"'
    assert plan["metrics"]["groups"] == {"canary": "payment", "control": "payment-primary"}
    assert plan["metrics"]["errors"]["total"] == f"sum(istio_requests_total{{{where}}})"
    assert plan["metrics"]["errors"]["bad"] == f'sum(istio_requests_total{{{where},response_code=~"5.*"}})'
    assert plan["metrics"]["latency"]["unit"] == "ms"
    assert plan["success"]["errors"] == "1%"
    assert [(one["name"], one["limit"]) for one in plan["metrics"]["guards"]] == [
        ("request-duration", 500),
        ("queue", 100),
    ]
    assert plan["metrics"]["guards"][1]["source"] == "prom-2"
    assert plan["metrics"]["guards"][1]["value"].endswith('deployment="$group",topic="payments"})')


def test_route_deploy_logs_and_patience_are_flaggers_own() -> None:
    found = imported(CANARY)
    plan = plan_of(found)
    assert plan["traffic"][0]["driver"] == "istio"
    assert plan["traffic"][0]["virtual_service"] == "payment"
    assert plan["deploy"][0]["container"] == "app"
    assert plan["deploy"][0]["image"] == "registry.example:5000/shop/payment:{version}"
    assert plan["logs"]["control"] == {
        "driver": "kubernetes",
        "selector": {"app": "payment-primary"},
        "namespace": "shop",
    }
    assert plan["hold"]["deadline"] == "10m"
    assert any("set `spec.suspend: true`" in one for one in found.pieces.head)


def test_webhooks_become_what_they_are_for_and_the_rest_is_named() -> None:
    found = imported(CANARY)
    plan = plan_of(found)
    assert plan["checklist"][-1]["id"] == "flagger-smoke"
    assert plan["notify"][-1] == {"driver": "webhook", "url": "http://events.shop/flagger"}
    looked = {one.path: one.text for one in found.looks}
    assert "calls `pilotage rollback` instead" in looked["spec.analysis.webhooks[4]"]
    assert "is not called at each look" in looked["spec.analysis.webhooks[2]"]


@pytest.mark.parametrize(
    ("analysis", "rows"),
    [
        ("    stepWeights: [1, 2, 10, 80]\n", ["1%", "2%", "10%", "80%", "100%"]),
        ("    stepWeight: 50\n", ["50%", "100%"]),
        ("    stepWeight: 30\n    maxWeight: 100\n", ["30%", "60%", "90%", "100%"]),
        ("    stepWeight: 60\n    maxWeight: 50\n", ["60%", "100%"]),
    ],
)
def test_weights_are_what_flagger_would_set(tmp_path: Path, analysis: str, rows: list[str]) -> None:
    assert [one["weight"] for one in plan_of(changed(tmp_path, (RISING[0], analysis)))["phases"]] == rows


def test_iterations_with_a_match_are_a_cohort_and_then_everybody(tmp_path: Path) -> None:
    match = (
        "    iterations: 10\n    match:\n"
        '      - headers: {cookie: {regex: "^(.*?;)?(canary=always)(;.*)?$"}}\n'
        '      - headers: {x-canary: {regex: ".*insider.*"}}\n'
    )
    found = changed(tmp_path, (RISING[0], match))
    rows = plan_of(found)["phases"]
    assert rows[0] == {"cohort": {"cookie": "canary", "is": ["always"]}, "watch": "20m", "approval": True}
    assert rows[1]["weight"] == "100%"
    assert any(one.path == "spec.analysis.match[1]" and one.look for one in found.notes)


def test_iterations_alone_are_blue_green_with_a_test_before_the_switch(tmp_path: Path) -> None:
    found = changed(tmp_path, (RISING[0], "    iterations: 10\n"), ("provider: istio", "provider: kubernetes"))
    plan = plan_of(found)
    assert plan["strategy"] == "blue-green"
    assert (plan["blue_green"]["live"], plan["blue_green"]["idle"]) == ("payment-primary", "payment")
    assert plan["traffic"][0]["driver"] == "kubernetes-service"
    assert plan["traffic"][0]["label"] == "app"


def test_mirroring_is_a_phase_of_copies(tmp_path: Path) -> None:
    found = changed(tmp_path, (RISING[0], "    mirror: true\n    mirrorWeight: 25\n    iterations: 5\n"))
    assert plan_of(found)["phases"][0] == {"mirror": "25%", "watch": "10m", "approval": True}


@pytest.mark.parametrize("provider", ["nginx", "linkerd", "appmesh:v1beta2"])
def test_a_provider_that_is_not_driven_is_asked(tmp_path: Path, provider: str) -> None:
    found = changed(tmp_path, ("provider: istio", f"provider: {provider}"))
    assert str(plan_of(found)["traffic"][0]["driver"]).startswith("REPLACE_ME")
    assert any(one.path == "spec.provider" and one.equal == "question" for one in found.notes)


def test_gateway_api_is_driven_directly(tmp_path: Path) -> None:
    found = changed(tmp_path, ("provider: istio", 'provider: "gatewayapi:v1"'))
    row = plan_of(found)["traffic"][0]
    assert (row["driver"], row["route"], row["canary"]) == ("gateway-api", "payment", "payment-canary")


def test_a_template_of_another_namespace_is_not_taken(tmp_path: Path) -> None:
    found = changed(tmp_path, ("templateRef: {name: queue, namespace: monitoring}", "templateRef: {name: queue}"))
    assert any("there is one in the namespace monitoring" in one.text and one.look for one in found.notes)
