"""The official client on the demo's real proxy, services and load: a person approves with the command, and watches."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotage.demo.scene import CANARY, Scene
from tests.mcp_server.test_whole_drive import agent_over
from tests.stage import Local, Stage


@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_an_agent_ships_the_demos_fix_and_sends_it_back(
    transport: str, coordinator: Local, stage: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    with Scene(folder, bad=False) as scene:
        stage.folder = folder  # where the agent works
        given = {"file": "plan.yaml"}
        if transport == "http":
            given = {"plan": scene.plan.read_text(), "directory": str(folder)}
        async with agent_over(transport, "auto", coordinator, stage) as agent:
            assert (await agent.does("check_plan", **given))["good"]
            asked = await agent.does("request_approval", **given)
            about = {"plan": asked["plan"], "digest": asked["digest"]}
            assert "nobody has approved this plan" in await agent.is_refused("start_rollout", **about)

            approved = await asyncio.to_thread(typed, coordinator, asked["approve_command"])
            assert "is approved by" in approved
            started = await agent.does("start_rollout", **about)
            await asyncio.to_thread(coordinator.until, started["id"], judged_at_ten_percent)
            share = await asyncio.to_thread(served_by_the_new, scene.port)
            assert 0 < share < 1

            status = await agent.does("rollout_status", rollout=started["rollout"])
            assert status["weight_in_force"] > 0
            explained = await agent.does("explain_verdict", rollout=started["rollout"])
            assert {one["metric"] for one in explained["evidence"]} & {"errors", "latency", "bug", "p95", "p99"}
            held = await agent.does("hold", rollout=started["rollout"], reason="a look")
            assert held["status"] == "held"
            assert (await agent.does("rollback", rollout=started["rollout"], reason="enough seen"))["done"]
            await asyncio.to_thread(coordinator.ended, started["id"])
            assert await asyncio.to_thread(served_by_the_new, scene.port) == 0


def judged_at_ten_percent(view: dict[str, Any]) -> bool:
    return view["weight_in_force"] == 10 and bool(view["findings"])


def typed(coordinator: Local, command: str) -> str:
    """What a person types; the first word is the program."""
    arguments = command.split()[1:]
    environment = {"PILOTAGE_STATE": str(coordinator.state), "PATH": "/usr/bin:/bin", "HOME": str(coordinator.state)}
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout


def served_by_the_new(port: int, requests: int = 200) -> float:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        return sum(client.get("/").headers["x-served-by"] == CANARY for _ in range(requests)) / requests
