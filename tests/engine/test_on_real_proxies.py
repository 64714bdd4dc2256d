"""Rollouts on real proxies in front of two real servers: a cohort and copies on Traefik, a restarted HAProxy."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.test_rollouts import order
from tests.proxies import app
from tests.proxies.haproxy import haproxy
from tests.proxies.load import load
from tests.proxies.traefik import traefik
from tests.servers import free_port
from tests.stage import Local, local

TICK_S = 1.0
PLAN = """
pilotage: 1
service: {service}
environment: test
version: "2.0"
previous: "1.0"
severity: P0
summary: a test
strategy: canary
known_bad: false
baseline: 2s
tick: 1s
phases: {phases}
traffic: [{traffic}]
metrics:
  sources: {{app: {{driver: scrape, urls: {urls}}}}}
  groups: {{canary: "2.0", control: "1.0"}}
  errors: {{source: app, total: 'requests_total{{version="$group"}}', bad: 'errors_total{{version="$group"}}'}}
success: {{min_requests: 5, share_tolerance: 20}}
"""


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("state")) as one:
        yield one


@pytest.fixture
def addresses(tmp_path: Path) -> Iterator[list[str]]:
    """Of a server of each version."""
    versions = ("1.0", "2.0")
    ports = [free_port() for _ in versions]
    try:
        for version, port in zip(versions, ports, strict=True):
            app.install(tmp_path, version, version, str(port))
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for version in versions:
            app.end(tmp_path, version)


async def started(
    coordinator: Local, folder: Path, addresses: list[str], phases: list[Any], traffic: Mapping[str, Any]
) -> str:
    text = PLAN.format(
        service=traffic["driver"],
        phases=json.dumps(phases),
        traffic=json.dumps(traffic, default=str),
        urls=json.dumps([f"{one}/metrics" for one in addresses]),
    )
    body = {"plan": text, "directory": str(folder), "file": "plan.yaml", "by": "tester", "reason": ""}
    return str((await asyncio.to_thread(coordinator.api.post, "/v1/rollouts", body))["id"])


async def test_testers_come_first_then_copies_then_everybody(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with traefik(tmp_path / "traefik", *addresses) as proxy:
        seen: dict[tuple[str, bool], Counter[str]] = {}
        """Who answered, by the phase that was watched before and after the request, and whether it was a tester's."""
        async with httpx.AsyncClient(trust_env=False) as client:

            async def watched() -> str:
                view = await asyncio.to_thread(coordinator.view, rollout)
                return str(view["phase_name"]) if view["status"] == "watching" else ""

            async def visit(tester: bool) -> str:
                return (await client.get(proxy.url, headers={"X-Canary": "yes"} if tester else {})).text

            phases = [
                {"cohort": {"header": "X-Canary", "is": ["yes"]}, "watch": "3s"},
                {"mirror": "50%", "watch": "3s"},
                {"weight": "100%", "watch": "1s"},
            ]
            traffic = {"driver": "traefik", **proxy.options()}
            rollout = await started(coordinator, tmp_path, addresses, phases, traffic)
            while (view := await asyncio.to_thread(coordinator.view, rollout))["ended_at"] is None:
                phase = await watched()
                found = [(tester, await visit(tester)) for tester in (True, False, False, False)]
                if phase and phase == await watched():
                    for tester, who in found:
                        seen.setdefault((phase, tester), Counter())[who] += 1
        assert view["status"] == "promoted"
        assert set(seen["header X-Canary", True]) == {"2.0"}
        assert set(seen["header X-Canary", False]) == {"1.0"}
        assert set(seen["50 % copied", True] + seen["50 % copied", False]) == {"1.0"}
        assert set(seen["100 %", True] + seen["100 %", False]) == {"2.0"}


async def test_the_weight_is_set_again_within_two_ticks_of_the_restart(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with haproxy(tmp_path / "haproxy", *addresses) as proxy:
        splitter = proxy.driver(tmp_path, state_file=None)
        async with load(proxy.url, rate=200, seconds=100):
            phases = [{"weight": "25%", "watch": "120s"}, {"weight": "100%", "watch": "2s"}]
            traffic = {"driver": "haproxy", **proxy.options(canary="canary", stable="stable")}
            del traffic["state_file"]
            rollout = await started(coordinator, tmp_path, addresses, phases, traffic)

            async def until(kind: str) -> float:
                """When the first event of a kind was recorded."""
                path = f"/v1/rollouts/{rollout}/events"
                async with asyncio.timeout(60):
                    while True:
                        for one in await asyncio.to_thread(coordinator.api.get, path):
                            if one["event"]["kind"] == kind:
                                return float(one["at"])
                        await asyncio.sleep(0.05)

            def looked_at(view: dict[str, Any]) -> bool:
                return view["phase"] == 1 and view["status"] == "watching" and view["progress"] >= 2 * TICK_S / 120

            await asyncio.to_thread(coordinator.until, rollout, looked_at)
            assert await splitter.read_weight() == 25
            await asyncio.to_thread(proxy.restart)
            assert await splitter.read_weight() == 0
            began = await splitter.started_at()
            assert await until("weight_drifted") - began <= 2 * TICK_S + 2  # its start is told to within two seconds
            async with asyncio.timeout(10):
                while await splitter.read_weight() != 25:
                    await asyncio.sleep(0.05)
            view = await asyncio.to_thread(coordinator.view, rollout)
            assert view["status"] == "watching"
            await asyncio.to_thread(order, coordinator, rollout, "rollback")
            assert await splitter.read_weight() == 0
