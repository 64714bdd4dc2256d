"""The official client drives a hot-fix from its brief to the way back, on a real coordinator, over both transports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.mcp_server.agents import ALL, ERAS, Agent, over_http, over_stdio
from tests.stage import Local, Stage

LONG = "[{weight: 10%, watch: 300s}, {weight: 100%, watch: 2s}]"


@asynccontextmanager
async def agent_over(transport: str, era: str, coordinator: Local, stage: Stage) -> AsyncIterator[Agent]:
    if transport == "stdio":
        async with over_stdio(coordinator.state, stage.folder, "rollout", era=era) as agent:
            yield agent
        return
    grant = {"role": "operator", "service": "*", "environment": "*"}
    wanted = {"kind": "agent", "name": "claude", "scopes": ["plan:read", "rollout:write", "rollback"], "lasts_s": 3600}
    made = coordinator.api.post("/v1/tokens", {**wanted, "grants": [grant], "by": "ann"})
    async with over_http(coordinator.api.url, made["secret"], era) as agent:
        yield agent


def plan_as(transport: str, stage: Stage) -> dict[str, str]:
    if transport == "stdio":
        return {"file": "plan.yaml"}
    return {"plan": (stage.folder / "plan.yaml").read_text(), "directory": str(stage.folder)}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_an_agent_ships_a_hot_fix_with_a_persons_approval_and_sends_it_back(
    transport: str, era: str, coordinator: Local, stage: Stage
) -> None:
    (stage.folder / "plan.yaml").write_text(stage.plan(phases=LONG)["plan"])
    given = plan_as(transport, stage)
    async with agent_over(transport, era, coordinator, stage) as agent:
        assert await agent.tools() == set(ALL)
        drafted = await agent.does("create_plan", brief="P0: hot-fix for the null pointer in shop 2.0, canary")
        assert "service: shop" in drafted["outside_text"]["plan"]
        assert "environment" in drafted["missing"]

        assert (await agent.does("check_plan", **given))["good"]
        asked = await agent.does("request_approval", **given, note="the null pointer fix")
        assert asked["approve_command"].startswith("pilotage approve shop-")
        about = {"plan": asked["plan"], "digest": asked["digest"]}
        refused = await agent.is_refused("start_rollout", **about)
        assert "nobody has approved this plan" in refused
        assert coordinator.api.get("/v1/rollouts") == []
        assert [one["approver"] for one in coordinator.api.get("/v1/approvals")] == [""]

        plan = asked["approve_command"].split()[-1]
        coordinator.api.post(f"/v1/plans/{plan}/approve", {"digest": asked["digest"], "by": "ann"})
        started = await agent.does("start_rollout", **about)
        rollout = {"rollout": started["rollout"]}
        await asyncio.to_thread(coordinator.until, started["id"], lambda view: view["weight_in_force"] == 10)

        status = await agent.does("rollout_status", **rollout)
        assert (status["id"], status["weight_in_force"]) == (started["id"], 10)
        explained = await agent.does("explain_verdict", **rollout)
        assert explained["outside_text"]["sentence"]
        assert (await agent.does("report_user_trouble", **rollout, text="checkout is slow"))["done"]

        held = await agent.does("hold", **rollout, reason="users complain")
        assert held["status"] == "held"
        explained = await agent.does("explain_verdict")
        assert explained["say"].startswith(f"{started['id']} is held: phase 2 of 3, 10 % at 2.0")
        assert "users complain" in explained["outside_text"]["sentence"]
        back = await agent.does("rollback", **rollout, reason="users complain")
        assert back["done"]
        await asyncio.to_thread(coordinator.ended, started["id"])
        assert stage.weight() == 0
        assert (await agent.does("rollback", **rollout, reason="once more"))["status"] == "rolled back"

        listed = await agent.does("history")
        assert [(one["id"], one["status"]) for one in listed["rollouts"]] == [(started["id"], "rolled back")]
        assert listed["rollouts"][0]["rollout"] == started["rollout"]
        address = f"pilotage://rollouts/{started['rollout']}"
        assert "users complain" in await agent.reads(f"{address}/timeline")
        assert "# " in await agent.reads(f"{address}/report")
        assert started["id"].partition("-")[0] in await agent.reads(f"pilotage://plans/{asked['plan']}")
        assert agent.asked == []


async def test_the_record_says_which_agent_it_was(coordinator: Local, stage: Stage) -> None:
    async with over_stdio(
        coordinator.state, stage.folder, "rollout", USER="Ann.Example", LOGNAME="Ann.Example"
    ) as agent:
        asked = await agent.does("request_approval", file="plan.yaml")
    assert [one["created_by"] for one in coordinator.api.get("/v1/tokens")] == ["Ann.Example"]
    waiting = coordinator.api.get("/v1/approvals")
    assert [(one["requested_by"], one["digest"]) for one in waiting] == [("mcp-ann-example", asked["digest"])]


async def test_the_token_that_was_made_for_it_ends_with_the_connection(coordinator: Local, stage: Stage) -> None:
    async with over_stdio(coordinator.state, stage.folder) as agent:
        await agent.does("history")
        made = coordinator.api.get("/v1/tokens")
        assert [(one["kind"], one["scopes"], one["revoked_at"]) for one in made] == [("agent", ["plan:read"], None)]
    assert [one["revoked_by"] for one in coordinator.api.get("/v1/tokens")] == [made[0]["name"]]


async def test_a_coordinator_that_was_started_anew_is_found_again(coordinator: Local, stage: Stage) -> None:
    async with over_stdio(coordinator.state, stage.folder, "rollout") as agent:
        asked = await agent.does("request_approval", file="plan.yaml")
        await asyncio.to_thread(coordinator.down)
        await asyncio.to_thread(coordinator.up)
        listed = await agent.does("history")
        assert [one["plan"] for one in listed["plans"]] == [asked["plan"]]


async def test_a_revoked_token_stays_so_and_no_other_is_made(coordinator: Local, stage: Stage) -> None:
    async with over_stdio(coordinator.state, stage.folder) as agent:
        await agent.does("history")
        made = coordinator.api.get("/v1/tokens")
        coordinator.api.post(f"/v1/tokens/{made[0]['id']}/revoke", {})
        assert "was revoked" in await agent.is_refused("history")
        assert "was revoked" in await agent.is_refused("history")
    assert len(coordinator.api.get("/v1/tokens")) == 1
