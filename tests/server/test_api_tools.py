"""What the command line can do without a rollout, over the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pilotage.core.people import Grant, Role
from pilotage.server.api import drafts
from pilotage.simulation import apart
from tests.server.world import World
from tests.stage import Stage

ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: payments}
spec:
  replicas: 4
  strategy: {canary: {steps: [{setWeight: 20}, {pause: {duration: 10m}}]}}
  selector: {matchLabels: {app: shop}}
  template: {spec: {containers: [{name: shop, image: "shop:2.4.1"}]}}
"""


@pytest.fixture
def plan(stage: Stage) -> dict[str, Any]:
    found = stage.plan()
    return {name: found[name] for name in ("plan", "directory", "file")}


async def test_a_brief_becomes_a_plan_with_its_document(api: httpx.AsyncClient) -> None:
    asked = {
        "brief": "P0 hot-fix of shop 2.4.1 in production, canary",
        "facts": {"previous": "2.4.0"},
        "on_call": "Ann @ann",
    }
    found = (await api.post("/v1/plans/draft", json=asked)).json()
    assert "service: shop" in found["plan"]
    assert "2.4.0" in found["plan"]
    assert "Ann" in found["plan"]
    assert found["document"].startswith("# ")
    assert found["missing"]
    assert found["ready"] is False


async def test_what_contradicts_itself_is_told(api: httpx.AsyncClient) -> None:
    asked = {"brief": "P0 hot-fix of shop 2.4.1; severity P2"}
    assert (await api.post("/v1/plans/draft", json=asked)).json()["doubts"]


async def test_a_fact_that_is_none_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/plans/draft", json={"facts": {"severity": "P9"}})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("severity: ")


async def test_argos_manifests_become_a_plan(api: httpx.AsyncClient) -> None:
    asked = {"format": "argo", "files": [{"name": "rollout.yaml", "text": ROLLOUT}], "known_bad": False}
    found = (await api.post("/v1/plans/import", json=asked)).json()
    assert "service: shop" in found["plan"]
    assert {one["file"] for one in found["notes"]} == {"rollout.yaml"}
    wrong = await api.post("/v1/plans/import", json={**asked, "format": "flagger"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "FilesWrong")


async def test_a_plan_is_checked_and_every_mistake_is_told(api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    good = (await api.post("/v1/plans/check", json=plan)).json()
    assert (good["ok"], good["service"]) == (True, "shop")
    wrong = await api.post("/v1/plans/check", json={**plan, "plan": plan["plan"].replace("P0", "P9")})
    assert (wrong.status_code, wrong.json()["problems"][0]["path"]) == (422, "severity")


async def test_who_may_operate_nothing_learns_nothing_of_this_machine(service: World, plan: dict[str, Any]) -> None:
    secret = await service.token("vera", Grant(Role.VIEWER))
    async with service.client(secret) as vera:
        for path in ("check", "document", "messages", "simulate"):
            assert (await vera.post(f"/v1/plans/{path}", json=plan)).status_code == 403, path


async def test_a_plan_becomes_a_document(api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    found = (await api.post("/v1/plans/document", json=plan)).json()
    assert "shop" in found["document"]
    assert found["digest"].startswith("sha256:")
    assert found["open"] == []


async def test_two_plans_are_compared_in_meaning(api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    other = plan["plan"].replace("watch: 3s", "watch: 1s")
    found = (await api.post("/v1/plans/diff", json={"before": plan["plan"], "after": other})).json()
    assert found["same"] is False
    assert [one["path"] for one in found["changes"]] == ["phases[10%].watch"]
    same = await api.post("/v1/plans/diff", json={"before": plan["plan"], "after": f"# a comment\n{plan['plan']}"})
    assert same.json()["same"] is True


async def test_the_schema_knows_the_installed_drivers(api: httpx.AsyncClient) -> None:
    assert "traffic-driver" in (await api.get("/v1/schema")).json()["$defs"]


async def test_every_message_can_be_seen_before(api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    found = (await api.post("/v1/plans/messages", json={**plan, "kind": "rolled_back"})).json()
    assert [(one["kind"], one["channel"]) for one in found] == [("rolled_back", None)]
    assert (await api.post("/v1/plans/messages", json={**plan, "kind": "none"})).status_code == 422


async def test_the_judge_is_put_before_simulated_traffic(api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    asked = {**plan, "errors": "x5", "runs": 5, "rate": 200, "base_errors": 0.01}
    first = (await api.post("/v1/plans/simulate", json=asked)).json()
    assert first["errors x5"]["runs"] == 5
    assert (await api.post("/v1/plans/simulate", json=asked)).json() == first
    wrong = await api.post("/v1/plans/simulate", json={**asked, "errors": "many"})
    assert (wrong.status_code, wrong.json()["detail"].partition(":")[0]) == (422, "errors")


async def test_a_simulation_that_takes_too_long_is_ended(
    api: httpx.AsyncClient, plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(*args: Any) -> Any:
        return await apart.simulated(*args, within_s=0.01)

    monkeypatch.setattr(drafts, "simulated", at_once)
    answer = await api.post("/v1/plans/simulate", json={**plan, "runs": 5000})
    assert answer.status_code == 422
    assert "ask for fewer" in answer.json()["detail"]


async def test_one_simulation_runs_at_a_time(service: World, api: httpx.AsyncClient, plan: dict[str, Any]) -> None:
    async with service.app.state.simulating:
        answer = await api.post("/v1/plans/simulate", json={**plan, "runs": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


async def test_drivers_are_told_with_their_options_and_an_example(api: httpx.AsyncClient) -> None:
    names = {(one["port"], one["name"]) for one in (await api.get("/v1/drivers")).json()}
    assert {("traffic", "envoy"), ("metrics", "prometheus")} <= names
    found = (await api.get("/v1/drivers/traffic/envoy")).json()
    assert "driver: envoy" in found["example"]
    answer = await api.get("/v1/drivers/traffic/envoi")
    assert answer.status_code == 404
    assert "envoy" in answer.json()["detail"]


async def test_a_known_plans_metrics_are_read_now(
    service: World, api: httpx.AsyncClient, plan: dict[str, Any], stage: Stage
) -> None:
    name = (await api.post("/v1/plans", json={**plan, "by": "ann"})).json()["id"]
    (stage.folder / "weight").write_text("50")
    found = (await api.post(f"/v1/plans/{name}/metrics", json={"apart_s": 0.2})).json()
    assert {(one["metric"], one["group"]) for one in found["metrics"]} == {("errors", "canary"), ("errors", "control")}
    secret = await service.token("vera", Grant(Role.VIEWER))
    async with service.client(secret) as vera:
        assert (await vera.post(f"/v1/plans/{name}/metrics", json={})).status_code == 403
