"""A rollout whose first phases have no share: testers by a header, then copies, on a real Traefik."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.proxies import app
from tests.proxies.traefik import traefik
from tests.servers import free_port
from tests.stage import Local, local

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
baseline: 1s
tick: 0.5s
phases:
  - {{cohort: {{header: X-Canary, is: ["yes"]}}, watch: 3s}}
  - {{mirror: 50%, watch: 3s}}
  - {{weight: 100%, watch: 1s}}
traffic: [{traffic}]
metrics:
  sources: {{app: {{driver: scrape, urls: {urls}}}}}
  groups: {{canary: "2.0", control: "1.0"}}
  errors: {{source: app, total: 'requests_total{{version="$group"}}', bad: 'errors_total{{version="$group"}}'}}
success: {{min_requests: 5}}
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


async def test_testers_come_first_then_copies_then_everybody(
    coordinator: Local, addresses: list[str], tmp_path: Path
) -> None:
    with traefik(tmp_path / "traefik", *addresses) as proxy:
        options = {key: str(one) if isinstance(one, Path) else one for key, one in proxy.options().items()}
        text = PLAN.format(
            traffic=json.dumps({"driver": "traefik", **options}),
            urls=json.dumps([f"{one}/metrics" for one in addresses]),
        )
        body = {"plan": text, "directory": str(tmp_path), "file": "plan.yaml", "by": "tester", "reason": ""}
        seen: dict[tuple[str, bool], Counter[str]] = {}
        """Who answered, by the phase that was watched before and after the request, and whether it was a tester's."""
        async with httpx.AsyncClient(trust_env=False) as client:

            async def watched() -> str:
                view = await asyncio.to_thread(coordinator.view, rollout)
                return str(view["phase_name"]) if view["status"] == "watching" else ""

            async def visit(tester: bool) -> str:
                return (await client.get(proxy.url, headers={"X-Canary": "yes"} if tester else {})).text

            rollout = (await asyncio.to_thread(coordinator.api.post, "/v1/rollouts", body))["id"]
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
