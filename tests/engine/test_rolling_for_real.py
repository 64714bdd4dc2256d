"""A rolling rollout over three real servers behind a real HAProxy, deployed to over SSH, under load."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.drivers.sshd import Sshd, serving
from tests.proxies import app
from tests.proxies.haproxy import Haproxy, pool
from tests.proxies.load import load
from tests.servers import free_port
from tests.stage import Local

ROOT = Path(__file__).parents[2]
NAMES = ("web1", "web2", "web3")
PLAN = """
pilotage: 1
service: shop
environment: test
version: "{version}"
previous: "1.0"
severity: P0
summary: a test
strategy: rolling
known_bad: false
baseline: 1s
tick: 0.5s
rolling:
  servers: {servers}
  watch: 2s
  drain_within: 20s
  healthy_within: 2s
  pool: {{driver: haproxy, socket: {socket}, backend: payment}}
  health: {{check: http, url: "http://127.0.0.1:{{port}}/healthz"}}
deploy:
  - {{driver: ssh, host: 127.0.0.1, port: {ssh}, user: deploy, key: id, known_hosts: known_hosts, command: {command}}}
metrics:
  sources: {{app: {{driver: scrape, urls: {urls}}}}}
  groups: {{canary: "{version}", control: "1.0"}}
  errors: {{source: app, total: 'requests_total{{version="$group"}}', bad: 'errors_total{{version="$group"}}'}}
success: {{min_requests: 5, share_tolerance: 20}}
"""


@dataclass
class World:
    folder: Path
    ports: dict[str, int]
    proxy: Haproxy
    ssh: Sshd

    def plan(self, version: str) -> dict[str, Any]:
        command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.proxies.app", "install", str(self.folder)]
        servers = [{"name": name, "port": port} for name, port in self.ports.items()]
        text = PLAN.format(
            version=version,
            servers=json.dumps(servers),
            socket=self.proxy.socket,
            ssh=self.ssh.port,
            command=json.dumps([*command, "{server}", "{version}", "{port}"]),
            urls=json.dumps([f"http://127.0.0.1:{port}/metrics" for port in self.ports.values()]),
        )
        return {"plan": text, "directory": str(self.folder), "file": "plan.yaml", "by": "tester", "reason": ""}

    def installed(self, name: str) -> list[str]:
        return (self.folder / f"{name}.installed").read_text().split()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    ports = {name: free_port() for name in NAMES}
    try:
        for name, port in ports.items():
            await asyncio.to_thread(app.install, tmp_path, name, "1.0", str(port))
        addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        async with serving(tmp_path / "home") as ssh:
            ssh.login(tmp_path)
            with pool(tmp_path / "haproxy", addresses) as proxy:
                yield World(tmp_path, ports, proxy, ssh)
    finally:
        for name in NAMES:
            app.end(tmp_path, name)


async def ended(coordinator: Local, world: World, version: str) -> dict[str, Any]:
    rollout = await asyncio.to_thread(coordinator.api.post, "/v1/rollouts", world.plan(version))
    return await asyncio.to_thread(coordinator.ended, rollout["id"], 90)


async def test_no_request_fails_while_three_servers_are_changed(coordinator: Local, world: World) -> None:
    async with load(world.proxy.url, rate=300, seconds=100) as seen:
        view = await ended(coordinator, world, "2.0")
    assert (view["status"], view["weight_in_force"]) == ("promoted", 100)
    assert seen.failures == {}
    assert {one.who for one in seen.answers} == {"1.0", "2.0"}
    assert {one.who for one in seen.answers[-50:]} == {"2.0"}
    assert any(one.done - one.sent > 0.3 for one in seen.answers)
    assert [world.installed(name) for name in NAMES] == [["1.0", "2.0"]] * 3


async def test_a_version_that_does_not_get_well_is_undone_and_nobody_notices(coordinator: Local, world: World) -> None:
    async with load(world.proxy.url, rate=300, seconds=100) as seen:
        view = await ended(coordinator, world, "2.0-sick")
    assert view["status"] == "rolled back"
    assert "web1: not healthy after 2 s" in view["reason"]
    assert seen.failures == {}
    assert {one.who for one in seen.answers} == {"1.0"}
    assert [world.installed(name) for name in NAMES] == [["1.0", "2.0-sick", "1.0"], ["1.0"], ["1.0"]]
    assert await world.proxy.pool(world.folder).states() == dict.fromkeys(NAMES, "ready")
