"""Rollouts on real proxies in front of two real servers: a cohort and copies on Traefik, a restarted HAProxy, a
switch of colours under load, and a script, a flag and a proxy in one plan."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotage.drivers import Context
from pilotage.drivers.traffic.flagd_file import FlagdFileTraffic
from tests.engine.test_rollouts import order
from tests.proxies import app
from tests.proxies.haproxy import Haproxy, haproxy
from tests.proxies.load import load
from tests.proxies.traefik import traefik
from tests.servers import free_port
from tests.stage import Local, wait_for

PLAN = """
pilotage: 1
service: {service}
environment: test
version: "2.0"
previous: "1.0"
severity: P0
summary: a test
strategy: {strategy}
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
{more}
"""
BLUE_GREEN = """
blue_green:
  live: stable
  idle: canary
  test: [{check: http, url: "%s/healthz", within: 10s}]
  warm: 60s
  tick: 1s
"""


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
    coordinator: Local,
    folder: Path,
    addresses: list[str],
    phases: list[Any],
    *traffic: Mapping[str, Any],
    strategy: str = "canary",
    more: str = "",
) -> str:
    text = PLAN.format(
        service=f"{strategy}-{'-'.join(one['driver'] for one in traffic)}",
        strategy=strategy,
        phases=json.dumps(phases),
        traffic=", ".join(json.dumps(one, default=str) for one in traffic),
        more=more,
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


def balanced(proxy: Haproxy, canary: str = "canary", stable: str = "stable") -> dict[str, Any]:
    """Without a state file: restarted, it has forgotten its weights."""
    return {"driver": "haproxy", "socket": str(proxy.socket), "backend": "payment", "canary": canary, "stable": stable}


async def events(coordinator: Local, rollout: str, *kinds: str) -> list[dict[str, Any]]:
    found = await asyncio.to_thread(coordinator.api.get, f"/v1/rollouts/{rollout}/events")
    return [one for one in found if one["event"]["kind"] in kinds]


def ticks(coordinator: Local, rollout: str, until: float = inf) -> int:
    """How many ticks of the first phase have been looked at, until an instant."""
    with closing(sqlite3.connect(coordinator.state / "pilotage.db")) as database:
        rows = database.execute("SELECT sample FROM samples WHERE rollout = ? AND phase = 1", (rollout,)).fetchall()
    return sum(json.loads(sample)["at"] <= until for (sample,) in rows)


async def test_the_weight_is_set_again_within_two_ticks_of_the_restart(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with haproxy(tmp_path / "haproxy", *addresses) as proxy:
        splitter = proxy.driver(tmp_path, state_file=None)
        async with load(proxy.url, rate=200, seconds=100):
            phases = [{"weight": "25%", "watch": "120s"}, {"weight": "100%", "watch": "2s"}]
            rollout = await started(coordinator, tmp_path, addresses, phases, balanced(proxy))
            await asyncio.to_thread(wait_for, lambda: ticks(coordinator, rollout) > 2, 60)
            assert await splitter.read_weight() == 25
            await asyncio.to_thread(proxy.restart)
            before = ticks(coordinator, rollout)
            async with asyncio.timeout(30):
                while not (told := await events(coordinator, rollout, "weight_drifted")):
                    await asyncio.sleep(0.05)
            assert ticks(coordinator, rollout, told[0]["at"]) - before <= 2
            async with asyncio.timeout(10):
                while await splitter.read_weight() != 25:
                    await asyncio.sleep(0.05)
            view = await asyncio.to_thread(coordinator.view, rollout)
            assert view["status"] == "watching"
            await asyncio.to_thread(order, coordinator, rollout, "rollback")
            assert await splitter.read_weight() == 0


async def test_a_switch_of_colours_and_back_loses_no_request(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with haproxy(tmp_path / "haproxy", *addresses) as proxy:
        async with load(proxy.url, rate=300, seconds=100) as seen:
            phases = [{"weight": "100%", "watch": "2s"}]
            colours = balanced(proxy, "{idle}", "{live}")
            more = BLUE_GREEN % addresses[1]
            rollout = await started(coordinator, tmp_path, addresses, phases, colours, strategy="blue-green", more=more)

            def warm(view: dict[str, Any]) -> bool:
                return view["phase_name"] == "stable kept warm" and view["status"] == "watching"

            await asyncio.to_thread(coordinator.until, rollout, warm)
            switched = time.monotonic()
            await seen.more(300)
            assert seen.share("2.0", switched)[0] == 100
            answer = await asyncio.to_thread(order, coordinator, rollout, "rollback")
            assert answer["done"] is True
            back = time.monotonic()
            await seen.more(300)
            assert seen.share("1.0", back)[0] == 100
    assert seen.failures == {}
    assert [one["event"]["method"] for one in await events(coordinator, rollout, "rolled_back")] == ["switch"]


async def test_a_script_a_flag_and_a_proxy_are_undone_in_reverse(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    (tmp_path / "flags.json").write_text(json.dumps({"flags": {"fix": flag}}))
    script = 'deploy: [{name: script, driver: shell, command: [touch, "deployed-{version}"]}]'
    with haproxy(tmp_path / "haproxy", *addresses) as proxy:
        async with load(proxy.url, rate=200, seconds=100):
            phases = [{"weight": "50%", "watch": "60s"}, {"weight": "100%", "watch": "2s"}]
            flagged = {"name": "flag", "driver": "flagd-file", "file": "flags.json", "flag": "fix"}
            proxied = {"name": "proxy", **balanced(proxy)}
            rollout = await started(coordinator, tmp_path, addresses, phases, flagged, proxied, more=script)
            await asyncio.to_thread(
                coordinator.until, rollout, lambda view: view["status"] == "watching" and view["phase"]
            )
            await asyncio.to_thread(order, coordinator, rollout, "rollback")
            acted = [one["event"] for one in await events(coordinator, rollout, "deployed", "weight_set")]
            assert await proxy.driver(tmp_path, state_file=None).read_weight() == 0
    assert [(one["target"], one.get("in_force")) for one in acted] == [
        ("script", None),
        ("flag", 50),
        ("proxy", 50),
        ("proxy", 0),
        ("flag", 0),
    ]
    assert (tmp_path / "deployed-2.0").exists()
    here = Context(tmp_path, tmp_path)
    assert await FlagdFileTraffic(FlagdFileTraffic.Options(file="flags.json", flag="fix"), here).read_weight() == 0
