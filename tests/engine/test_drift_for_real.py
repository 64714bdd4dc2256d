"""A real HAProxy is restarted in the middle of a phase, and has forgotten its weight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_rollouts import order
from tests.proxies import app
from tests.proxies.haproxy import haproxy
from tests.proxies.load import load
from tests.servers import free_port
from tests.stage import Local, local

TICK_S = 1.0
PLAN = """
pilotage: 1
service: shop
environment: test
version: "2.0"
previous: "1.0"
severity: P0
summary: a test
strategy: canary
known_bad: false
baseline: 2s
tick: 1s
phases: [{{weight: 25%, watch: 120s}}, {{weight: 100%, watch: 2s}}]
traffic: [{{name: proxy, driver: haproxy, socket: {socket}, backend: payment, canary: canary, stable: stable}}]
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


async def test_the_weight_is_set_again_within_two_ticks_of_the_restart(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with haproxy(tmp_path / "haproxy", *addresses) as proxy:
        text = PLAN.format(socket=proxy.socket, urls=json.dumps([f"{one}/metrics" for one in addresses]))
        body = {"plan": text, "directory": str(tmp_path), "file": "plan.yaml", "by": "tester", "reason": ""}
        splitter = proxy.driver(tmp_path, state_file=None)
        async with load(proxy.url, rate=200, seconds=100):
            rollout = (await asyncio.to_thread(coordinator.api.post, "/v1/rollouts", body))["id"]

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
