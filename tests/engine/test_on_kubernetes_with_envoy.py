"""A canary on Kubernetes with a data plane: a real Envoy does what the HTTPRoute says, and requests go through it.

The Gateway's controller is a small one of the tests: it puts the route's weight into Envoy's runtime, reads Envoy back,
and then notes in the route's status that it has seen it. The servers behind Envoy are two processes on this machine,
which run all the time; the pods are still a fake kubelet's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import servers
from tests.engine.on_kubernetes import Canary
from tests.kubernetes.access import Access
from tests.kubernetes.kubelet import Kubelet
from tests.proxies import app
from tests.proxies.load import Seen, load
from tests.stage import Local

OLD, NEW = "2.0", "2.1"
MANY = 400
"""Requests from which a share is told: 10 % is then off by 4.5 points in one of 1,000 cases at most."""


class Proxied(Canary):
    """Its metrics are those that the two servers count."""

    envoy: servers.Envoy
    urls: list[str]

    def programs(self, weight: float) -> None:
        """A new folder, and the link to it renamed in one step: so Envoy's disk layer wants it."""
        folder = self.envoy.runtime_dir.with_name(f"runtime-{weight:g}")
        folder.mkdir(exist_ok=True)
        (folder / "payment.canary").write_text(f"{weight:g}")
        link = self.envoy.runtime_dir.with_name("runtime.new")
        link.symlink_to(folder.name)
        link.replace(self.envoy.runtime_dir)
        servers.wait_until(lambda: self._in_force() == f"{weight:g}", "the weight in Envoy")

    def _in_force(self) -> str:
        answer = httpx.get(f"{self.envoy.admin}/runtime?format=json", timeout=5, trust_env=False).json()
        return str(answer["entries"].get("payment.canary", {}).get("final_value"))

    def plan(self, **sections: Any) -> dict[str, Any]:
        page = {"driver": "scrape", "urls": [f"{one}/metrics" for one in self.urls]}
        metrics = {
            **{"sources": {"page": page}, "groups": {"canary": NEW, "control": OLD}},
            "errors": {
                **{"source": "page", "total": 'requests_total{version="$group"}'},
                "bad": 'errors_total{version="$group"}',
            },
        }
        return super().plan(**{"metrics": metrics, "success": {"min_requests": 5, "share_tolerance": 20}, **sections})


@contextmanager
def upstreams(folder: Path) -> Iterator[list[str]]:
    ports = {version: servers.free_port() for version in (OLD, NEW)}
    try:
        for version, port in ports.items():
            app.install(folder, version, version, str(port))
        yield [f"http://127.0.0.1:{port}" for port in ports.values()]
    finally:
        for version in ports:
            app.end(folder, version)


@pytest.fixture
def proxied(cluster: Access, namespace: str, kubelet: Kubelet, coordinator: Local, tmp_path: Path) -> Iterator[Proxied]:
    one = Proxied(cluster, namespace, kubelet, coordinator, tmp_path)
    with ExitStack() as stack:
        stack.callback(one.stage.close)
        one.urls = stack.enter_context(upstreams(tmp_path))
        one.envoy = stack.enter_context(servers.envoy(tmp_path / "envoy", *one.urls))
        one.prepare(stack)
        yield one


@pytest.fixture
async def seen(proxied: Proxied) -> AsyncIterator[Seen]:
    async with load(proxied.envoy.url, rate=300, seconds=100) as seen:
        yield seen


async def test_users_meet_10_50_and_100_percent_and_no_request_fails(proxied: Proxied, seen: Seen) -> None:
    phases = [{"weight": weight, "watch": "2.5s"} for weight in ("10%", "50%", "100%")]
    rollout = await asyncio.to_thread(proxied.start, phases=phases)
    assert (await asyncio.to_thread(proxied.ended, rollout))["status"] == "promoted"
    await seen.more(100)
    since = {weight: proxied.split.since(weight) + 0.3 for weight in (10, 50, 100)}
    for weight, until in ((10, since[50]), (50, since[100]), (100, float("inf"))):
        share, count = seen.share(NEW, since[weight], until - 0.3)
        assert count > MANY
        assert abs(share - weight) < (5 if weight == 10 else 8)
    assert seen.share(NEW, since[100])[0] == 100
    assert seen.failures == {}


async def test_an_abort_at_50_percent_sends_everybody_back_and_no_request_fails(proxied: Proxied, seen: Seen) -> None:
    phases = [{"weight": "50%", "watch": "60s"}, {"weight": "100%", "watch": "60s"}]
    rollout = await asyncio.to_thread(proxied.start, phases=phases)
    await asyncio.to_thread(proxied.watched, rollout, 1)
    await seen.more(MANY)
    began = proxied.split.since(50) + 0.3
    assert (await asyncio.to_thread(proxied.order, rollout, "rollback"))["done"] is True
    back = time.monotonic()
    await seen.more(MANY)
    assert 42 < seen.share(NEW, began, proxied.split.since(0))[0] < 58
    assert seen.share(OLD, back)[0] == 100
    assert seen.failures == {}
