"""Rollouts by a flag in a real Unleash: a service asks it for each request which version the user gets."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import sqrt
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.test_rollouts import order
from tests.stage import Local
from tests.unleash.server import ENVIRONMENT, Unleash

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
baseline: 1s
tick: 1s
phases: {phases}
traffic: [{traffic}]
metrics:
  sources: {{app: {{driver: scrape, urls: ["{url}/metrics"]}}}}
  groups: {{canary: "2.0", control: "1.0"}}
  errors: {{source: app, total: 'requests_total{{version="$group"}}', bad: 'errors_total{{version="$group"}}'}}
success: {{min_requests: 5, share_tolerance: 20}}
"""


class Shop:
    """Answers each user by the version that Unleash's frontend API says, and counts."""

    def __init__(self, unleash: Unleash, flag: str) -> None:
        self.url = ""
        self._flag = flag
        self._counts = Counter({"1.0": 0, "2.0": 0})
        self._lock = threading.Lock()
        headers = {"Authorization": unleash.frontend}
        self._unleash = httpx.Client(base_url=unleash.url, headers=headers, trust_env=False, timeout=20)

    def version(self, user: str) -> str:
        answer = self._unleash.get("/api/frontend", params={"userId": user}).raise_for_status()
        version = "2.0" if self._flag in {one["name"] for one in answer.json()["toggles"]} else "1.0"
        with self._lock:
            self._counts[version] += 1
        return version

    def metrics(self) -> str:
        with self._lock:
            counts = dict(self._counts)
        lines = [f'requests_total{{version="{version}"}} {count}' for version, count in counts.items()]
        return "\n".join([*lines, *(f'errors_total{{version="{version}"}} 0' for version in counts), ""])


@pytest.fixture
def flag(unleash: Unleash) -> str:
    """Off, as a person left it after another rollout."""
    return unleash.flag("70", enabled=False)


@pytest.fixture
def shop(unleash: Unleash, flag: str) -> Iterator[Shop]:
    shop = Shop(unleash, flag)

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            text = shop.metrics() if self.path == "/metrics" else shop.version(self.path.rpartition("=")[2])
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    over = threading.Event()

    def visit() -> None:
        for user in range(100_000):
            if over.wait(0.02):
                return
            shop.version(f"visitor-{user}")

    threads = [threading.Thread(target=one, daemon=True) for one in (server.serve_forever, visit)]
    for thread in threads:
        thread.start()
    yield shop
    over.set()
    server.shutdown()
    server.server_close()
    for thread in threads:
        thread.join()


async def started(coordinator: Local, folder: Path, unleash: Unleash, flag: str, shop: Shop, phases: list[Any]) -> str:
    (folder / "token").write_text(unleash.admin)
    traffic = {"driver": "unleash", "api": unleash.url, "token": {"file": str(folder / "token")}}
    traffic |= {"flag": flag, "environment": ENVIRONMENT}
    text = PLAN.format(service=flag, phases=json.dumps(phases), traffic=json.dumps(traffic), url=shop.url)
    body = {"plan": text, "directory": str(folder), "file": "plan.yaml", "by": "tester", "reason": ""}
    return str((await asyncio.to_thread(coordinator.api.post, "/v1/rollouts", body))["id"])


def rollout_of(unleash: Unleash, flag: str) -> tuple[bool, str]:
    here = unleash.environment(flag)
    return here["enabled"], here["strategies"][0]["parameters"]["rollout"]


async def test_users_follow_from_phase_to_phase(
    coordinator: Local, unleash: Unleash, flag: str, shop: Shop, tmp_path: Path
) -> None:
    seen: dict[str, list[str]] = {}
    """What users got, by the phase that was watched before and after they asked."""
    users = random.Random(1)

    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:

        async def watched() -> str:
            view = await asyncio.to_thread(coordinator.view, rollout)
            return str(view["phase_name"]) if view["status"] == "watching" else ""

        async def visit() -> str:
            return (await client.get(f"{shop.url}/?user={users.randrange(10**9)}")).text

        phases = [{"weight": f"{weight}%", "watch": "6s"} for weight in (10, 50, 100)]
        rollout = await started(coordinator, tmp_path, unleash, flag, shop, phases)
        before = ""
        while (view := await asyncio.to_thread(coordinator.view, rollout))["ended_at"] is None:
            phase = await watched()
            found = list(await asyncio.gather(*(visit() for _ in range(25))))
            if phase and before == phase == await watched():  # its first turn may be of before the refresh
                seen.setdefault(phase, []).extend(found)
            before = phase
    assert view["status"] == "promoted"
    assert rollout_of(unleash, flag) == (True, "100")
    for phase, weight in (("10 %", 0.1), ("50 %", 0.5), ("100 %", 1.0)):
        got = seen[phase]
        assert len(got) >= 25
        share = got.count("2.0") / len(got)
        assert abs(share - weight) <= 4 * sqrt(weight * (1 - weight) / len(got)), (phase, share, len(got))


async def test_the_way_back_takes_the_fix_from_everybody(
    coordinator: Local, unleash: Unleash, flag: str, shop: Shop, tmp_path: Path
) -> None:
    phases = [{"weight": "50%", "watch": "60s"}, {"weight": "100%", "watch": "2s"}]
    rollout = await started(coordinator, tmp_path, unleash, flag, shop, phases)
    await asyncio.to_thread(coordinator.until, rollout, lambda view: view["status"] == "watching" and view["phase"])
    assert rollout_of(unleash, flag) == (True, "50")
    answer = await asyncio.to_thread(order, coordinator, rollout, "rollback")
    assert answer["done"] is True
    assert rollout_of(unleash, flag) == (True, "0")
    async with asyncio.timeout(20):  # until Unleash's frontend API has asked its store anew
        while {await asyncio.to_thread(shop.version, f"user-{user}") for user in range(20)} != {"1.0"}:
            await asyncio.sleep(0.1)
