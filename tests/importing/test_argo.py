"""An Argo Rollout becomes a plan: what is the same, what is near, and what is said to have no equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilotage.core.brief import Brief
from pilotage.core.planning import PlanDraft
from pilotage.importing import FilesWrong, Imported, import_files

FILES = Path(__file__).parent / "files"
ROLLOUT, ANALYSIS = FILES / "rollout.yaml", FILES / "analysis.yaml"


def imported(*files: Path, **more: str) -> Imported:
    return import_files("argo", files, **more)


def drafted(found: Imported, known_bad: bool | None = False) -> PlanDraft:
    return found.plan(found.brief(Brief(text="")), known_bad)


def said(found: Imported, path: str) -> str:
    """What is said of a field, as `equal: text`."""
    return "; ".join(f"{one.equal}: {one.text}" for one in found.notes if one.path.endswith(path))


def of_steps(tmp_path: Path, *steps: str, strategy: str = "") -> Imported:
    rows = "".join(f"        - {one}\n" for one in steps)
    text = (FILES / "rollout.yaml").read_text()
    head, _, _ = text.partition("      steps:\n")
    head = head.replace("      analysis:\n        startingStep: 1\n        templates:\n          - templateName", "#")
    kept = [line for line in head.splitlines() if not line.startswith("#") and "name: service, value" not in line]
    file = tmp_path / "rollout.yaml"
    file.write_text("\n".join(line for line in kept if line != "        args:") + f"\n{strategy}      steps:\n{rows}")
    return imported(file)


def phases(found: Imported) -> list[dict[str, Any]]:
    rows = drafted(found).data["phases"]
    assert isinstance(rows, list)
    return rows


def test_weights_pauses_and_header_routes_become_phases() -> None:
    plan = drafted(imported(ROLLOUT, ANALYSIS))
    assert plan.data["phases"] == [
        {"cohort": {"header": "X-Canary", "is": ["yes"]}, "watch": "5m"},
        {"weight": "10%", "watch": "10m"},
        {"weight": "50%", "watch": "30m"},
        {"weight": "80%", "watch": "90m", "approval": True},
        {"weight": "100%", "watch": "30m"},
    ]
    assert "# from steps[3].setWeight, steps[4].pause.duration" in plan.text
    assert "no watch is said: Pilotage's usual one" in plan.text


def test_the_route_is_set_directly_where_pilotage_drives_it_and_argo_is_the_other_choice() -> None:
    plan = drafted(imported(ROLLOUT, ANALYSIS))
    assert plan.data["traffic"] == [
        {
            "name": "istio",
            "driver": "istio",
            "virtual_service": "payment",
            "namespace": "shop",
            "route": "primary",
            "canary": "payment-canary",
            "stable": "payment-stable",
        }
    ]
    assert "Or let Argo do it: {name: rollout, driver: argo-rollouts, rollout: payment, namespace: shop}" in plan.text
    assert plan.data["deploy"][0]["ready_within_s"] == 600
    assert plan.data["deploy"][0]["image"] == "registry.example/shop/payment:{version}"


def test_a_plain_ratio_is_split_its_bounds_are_kept_and_the_quantile_becomes_latency_and_a_guard() -> None:
    found = imported(ANALYSIS, ROLLOUT)
    plan = drafted(found).data
    metrics = plan["metrics"]
    assert metrics["errors"] == {
        "source": "prom",
        "total": 'sum(http_requests_total{service="$group"})',
        "bad": 'sum(http_requests_total{service="$group",code=~"5.*"})',
    }
    assert metrics["groups"] == {"canary": "payment-canary", "control": "payment-stable"}
    assert metrics["sources"]["prom"]["url"] == "http://prometheus.monitoring:9090"
    assert metrics["latency"]["histogram"] == 'http_request_seconds_bucket{service="$group"}'
    assert metrics["guards"][0]["limit"] == 0.8
    assert plan["success"]["errors"] == "3%"
    assert plan["rollback_when"]["errors"] == "10%"
    assert "nearest: the judge compares canary with control" in said(found, "spec.metrics[0]")
    assert "missing data never passes" in said(found, "spec.metrics[0].successCondition")


def test_what_has_no_equal_is_named_with_its_place() -> None:
    found = imported(ROLLOUT, ANALYSIS)
    (experiment,) = [one for one in found.notes if one.path.endswith(".experiment")]
    assert (experiment.file, experiment.line) == (str(ROLLOUT), 50)
    assert experiment.equal == "none"
    assert experiment.look
    assert "an HTTP answer is a check" in said(found, "provider.web")
    assert "a plan does not scale" in said(found, "setCanaryScale")
    assert found.others == (f"{ANALYSIS}:36: Service payment-canary",)
    assert "spec.strategy.canary.steps[8].experiment: no equal" in drafted(found).text


def test_an_unknown_field_is_named_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT.read_text().replace("maxSurge: 25%", "maxSurg: 25%"))
    found = imported(file, ANALYSIS)
    (note,) = [one for one in found.notes if one.equal == "unknown"]
    assert note.path == "spec.strategy.canary.maxSurg"
    assert note.look
    assert 'Did you mean "maxSurge"?' in note.text


def test_a_template_that_is_in_no_file_is_asked_for() -> None:
    found = imported(ROLLOUT)
    assert "AnalysisTemplate payment-errors is in none of the files" in said(found, "analysis.templates[0]")
    assert found.looks
    assert str(drafted(found).data["metrics"]["errors"]["total"]).startswith("REPLACE_ME")


def test_the_switch_of_a_blue_green_rollout_waits_for_a_person_and_keeps_the_old_colour() -> None:
    found = imported(FILES / "blue-green.yaml")
    plan = drafted(found).data
    assert plan["strategy"] == "blue-green"
    assert plan["phases"] == [{"weight": "100%", "watch": "10m", "approval": True}]
    assert plan["blue_green"]["warm"] == "2h"
    assert plan["traffic"][0]["driver"] == "kubernetes-service"
    assert plan["traffic"][0]["service"] == "ledger"
    assert plan["success"]["errors"] == "1%"
    assert "its label is asked" in said(found, "spec.metrics[0]")


@pytest.mark.parametrize(
    ("steps", "rows"),
    [
        (["pause: {}", "setWeight: 20", "pause: {duration: 60}"], [("20%", "1m", True), ("100%", "30m", None)]),
        (["setWeight: 100", "pause: {duration: 1h}"], [("100%", "1h", None)]),
        (["setWeight: 0", "pause: {duration: 1h}", "setWeight: 40"], [("40%", "30m", None), ("100%", "30m", None)]),
        (
            ["setWeight: 5", "pause: {duration: 1m}", "pause: {duration: 30s}"],
            [("5%", "90s", None), ("100%", "30m", None)],
        ),
        (["setWeight: 60", "setWeight: 20", "setWeight: 60"], [("60%", "30m", None), ("100%", "30m", None)]),
    ],
)
def test_steps_are_put_together_as_they_work(tmp_path: Path, steps: list[str], rows: list[tuple[Any, ...]]) -> None:
    found = of_steps(tmp_path, *steps)
    assert [(one.get("weight"), one["watch"], one.get("approval")) for one in phases(found)] == rows


def test_a_weight_that_falls_is_left_out_and_has_to_be_looked_at(tmp_path: Path) -> None:
    found = of_steps(tmp_path, "setWeight: 60", "setWeight: 20")
    (note,) = [one for one in found.looks if one.path.endswith("steps[1].setWeight")]
    assert "a plan's weights rise; 20 % after 60 % is left out" in note.text


def test_copies_become_a_phase_of_their_own(tmp_path: Path) -> None:
    match = "match: [{path: {prefix: /}}]"
    found = of_steps(
        tmp_path,
        f"setMirrorRoute: {{name: m, percentage: 30, {match}}}",
        "pause: {duration: 5m}",
        "setMirrorRoute: {name: m}",
        "setWeight: 50",
    )
    assert phases(found)[0] == {"mirror": "30%", "watch": "5m"}
    assert "mirror" not in phases(found)[1]


def test_a_header_by_expression_has_no_equal(tmp_path: Path) -> None:
    value = "match: [{headerName: agent, headerValue: {regex: Firefox.*}}]"
    found = of_steps(tmp_path, f"setHeaderRoute: {{name: h, {value}}}", "pause: {duration: 5m}", "setWeight: 50")
    assert "a cohort has one header and its exact values" in said(found, "setHeaderRoute")
    assert [one.get("weight") for one in phases(found)] == ["50%", "100%"]


@pytest.mark.parametrize("router", ["nginx: {stableIngress: pay}", "alb: {ingress: pay, servicePort: 443}", "smi: {}"])
def test_a_router_that_pilotage_does_not_drive_goes_through_the_rollout(tmp_path: Path, router: str) -> None:
    text = ROLLOUT.read_text()
    old = "        istio:\n          virtualService:\n            name: payment\n            routes: [primary]\n"
    assert old in text
    file = tmp_path / "rollout.yaml"
    file.write_text(text.replace(old, f"        {router}\n"))
    found = imported(file, ANALYSIS)
    plan = drafted(found).data
    assert plan["traffic"] == [
        {"name": "rollout", "driver": "argo-rollouts", "rollout": "payment", "namespace": "shop"}
    ]
    assert plan["deploy"][0]["command"][:5] == ["kubectl", "argo", "rollouts", "set", "image"]
    assert plan["phases"][0] == {"weight": "10%", "watch": "10m"}
    assert any("cohorts and copies" in one.text for one in found.looks)


def test_subsets_of_one_host_are_the_sides_of_the_route(tmp_path: Path) -> None:
    rule = "          destinationRule: {name: pay, canarySubsetName: next, stableSubsetName: now}\n"
    text = ROLLOUT.read_text()
    file = tmp_path / "rollout.yaml"
    file.write_text(text.replace("          virtualService:\n", f"{rule}          virtualService:\n"))
    (row,) = drafted(imported(file, ANALYSIS)).data["traffic"]
    assert (row["driver"], row["canary"], row["stable"]) == ("istio", "next", "now")


def test_the_gateway_api_plugin_becomes_the_driver_gateway_api(tmp_path: Path) -> None:
    text = ROLLOUT.read_text()
    old = "        istio:\n          virtualService:\n            name: payment\n            routes: [primary]\n"
    plugin = "        plugins:\n          argoproj-labs/gatewayAPI: {httpRoute: pay, namespace: edge}\n"
    file = tmp_path / "rollout.yaml"
    file.write_text(text.replace(old, plugin))
    assert drafted(imported(file, ANALYSIS)).data["traffic"] == [
        {
            "name": "route",
            "driver": "gateway-api",
            "route": "pay",
            "namespace": "edge",
            "canary": "payment-canary",
            "stable": "payment-stable",
        }
    ]


def test_of_several_rollouts_one_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(FilesWrong, match=r"expected one Rollout, got 2: payment, ledger.*--name NAME"):
        imported(ROLLOUT, ANALYSIS, FILES / "blue-green.yaml")
    found = imported(ROLLOUT, ANALYSIS, FILES / "blue-green.yaml", name="ledger")
    assert drafted(found).data["service"] == "ledger"
    assert any("Rollout payment" in one for one in found.others)
    with pytest.raises(FilesWrong, match=r"--name: expected one of payment, got leger"):
        imported(ROLLOUT, name="leger")


def test_whether_the_running_version_is_sick_is_asked_and_never_assumed() -> None:
    found = imported(ROLLOUT, ANALYSIS)
    assert "known_bad" in drafted(found, None).open
    assert drafted(found, True).data["known_bad"] is True
    assert "bug" in drafted(found, True).data["metrics"]
    assert "bug" not in drafted(found, False).data["metrics"]


def test_too_many_fields_to_name_are_said_to_be_more(tmp_path: Path) -> None:
    file = tmp_path / "rollout.yaml"
    file.write_text(ROLLOUT.read_text() + "".join(f"  field{number}: 1\n" for number in range(2500)))
    found = imported(file, ANALYSIS)
    assert any("more than 2000 fields have no equal" in one.text for one in found.looks)


# ------------------------------------------------------------------ steps that Argo would walk by itself

THROUGH = "question: for the driver argo-rollouts the Rollout's steps must "


def of_own_weight(tmp_path: Path, *steps: str) -> str:
    """What is said of a Rollout without a router."""
    rows = "".join(f"        - {one}\n" for one in steps)
    (tmp_path / "rollout.yaml").write_text(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: payment, namespace: shop}\n"
        f"spec:\n  strategy:\n    canary:\n      steps:\n{rows}"
    )
    found = imported(tmp_path / "rollout.yaml")
    assert drafted(found).data["traffic"][0]["driver"] == "argo-rollouts"
    return said(found, "strategy.canary")


def test_steps_that_go_on_by_themselves_are_told(tmp_path: Path) -> None:
    """They would give the new version its share before anybody looked."""
    text = of_own_weight(tmp_path, "setWeight: 20", "pause: {duration: 1h}", "setWeight: 60", "pause: {}")
    assert text.startswith(f"{THROUGH}begin with `pause: {{}}`, or the deploy itself moves traffic")
    assert "right after every setWeight, or Argo goes on by itself (steps[0])" in text
    assert "end with a setWeight for 100 %" in text


def test_steps_that_all_wait_need_nothing_said(tmp_path: Path) -> None:
    pause = "pause: {}"
    assert of_own_weight(tmp_path, pause, "setWeight: 20", pause, "setWeight: 100", pause) == ""
    text = of_own_weight(tmp_path, pause, "setWeight: 100", pause, "analysis: {templates: [{templateName: a}]}")
    assert text == f"{THROUGH}have no other steps than setWeight, pause and setCanaryScale, or the driver refuses them"


def test_flaggers_files_are_sent_to_their_own_import() -> None:
    with pytest.raises(FilesWrong) as caught:
        imported(FILES / "canary.yaml")
    assert "pilotage import flagger" in str(caught.value)
