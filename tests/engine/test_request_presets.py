"""Presets for requests: they count exactly what was sent, on real exporters' pages and through a real Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import prometheus_client
import pytest

from pilotage import planfile
from pilotage.core.model import Counters, Measures, Reading
from pilotage.drivers import Call, Context, registry
from pilotage.engine import measure
from tests import servers
from tests.planfile.test_signals import PLAN
from tests.proxies import haproxy
from tests.proxies.kinds import KINDS
from tests.proxies.statuses import answering

EXPORTERS = Path(__file__).parents[1] / "exporters"
CONTROL = (9, 2, 1)
CANARY = (5, 3, 2)
"""Requests that are answered 200 at once, 500 at once, and 200 after .4 s."""
SLOW_S = 0.4
FAST_S = 0.1


@dataclass(frozen=True)
class Exporter:
    """`groups` are the names of canary and control in it, `urls` where each of them is called."""

    page: str
    requests: str
    groups: tuple[str, str]
    has_latency: bool = True


def measures(exporter: Exporter, source: str) -> Measures:
    head = PLAN.split("metrics:")[0]
    canary, control = exporter.groups
    text = f"""{head}metrics:
  sources: {{it: {source}}}
  groups: {{canary: "{canary}", control: "{control}"}}
  requests: {{source: it, {exporter.requests}}}
"""
    return planfile.load(text, directory=Path("/plans")).measures


async def reading(of: Measures, folder: Path) -> Reading:
    context = Context(folder, folder)
    sources: dict[str, Any] = {name: registry.build("metrics", ref, context) for name, ref in of.sources.items()}
    return await measure.read(of, sources, 10)


def send(url: str, counts: tuple[int, int, int]) -> list[float]:
    """How many seconds each took from here."""
    good, bad, slow = counts
    took = []
    with httpx.Client(trust_env=False) as client:
        for query in ["status=200"] * good + ["status=500"] * bad + [f"wait={SLOW_S}"] * slow:
            began = time.monotonic()
            client.get(f"{url}/?{query}", timeout=10)
            took.append(time.monotonic() - began)
    return took


def rise(before: Counters | None, after: Counters) -> tuple[float, float]:
    return (after.requests - (before.requests if before else 0), after.errors - (before.errors if before else 0))


def slow(before: Counters | None, after: Counters) -> tuple[float, float]:
    """How many times rose, and how many of those were slow."""
    assert after.latency
    old = before.latency.counts if before and before.latency else (0.0,) * len(after.latency.counts)
    rises = [now - then for now, then in zip(after.latency.counts, old, strict=True)]
    return sum(rises), sum(n for bound, n in zip(after.latency.bounds, rises, strict=True) if bound > FAST_S * 3.1)


async def counted(of: Measures, folder: Path, before: Reading) -> Reading:
    """What is read when everything sent has arrived: Envoy's histograms follow within its flush interval."""

    def complete(now: Reading) -> bool:
        return all(
            after is not None
            and rise(then, after)[0] >= sum(sent)
            and (of.latency is None or (after.latency is not None and slow(then, after)[0] >= sum(sent)))
            for then, after, sent in ((before.canary, now.canary, CANARY), (before.control, now.control, CONTROL))
        )

    deadline = time.monotonic() + 20
    while not complete(now := await reading(of, folder)):
        assert time.monotonic() < deadline, (before, now)
        await asyncio.sleep(0.2)
    return now


async def settled(plans: list[Measures], folder: Path) -> list[Reading]:
    """What is read when all that was sent before has arrived everywhere."""
    deadline = time.monotonic() + 30
    while True:
        pages, there = [await reading(one, folder) for one in plans]
        assert time.monotonic() < deadline, (pages, there)
        if pages.control is not None and there.control is not None and not pages.control.instances:
            requests, latency = pages.control.requests, pages.control.latency
            arrived = there.control.requests == requests and there.control.latency == latency
            if requests and arrived and (latency is None or sum(latency.counts) == requests):
                return [pages, there]
        await asyncio.sleep(0.2)


def right(of: Measures, before: Reading, after: Reading, took: tuple[list[float], list[float]]) -> None:
    """`took`: what the canary's and control's requests took from here. Where the machine was busy, one that is answered
    at once is slow, too: then it was at least as slow from here."""
    assert after.canary
    assert after.control
    for then, now, (good, bad, late), seconds in (
        (before.canary, after.canary, CANARY, took[0]),
        (before.control, after.control, CONTROL, took[1]),
    ):
        assert rise(then, now) == (good + bad + late, bad)
        if of.latency:
            assert now.latency
            fast = max(bound for bound in now.latency.bounds if bound <= FAST_S * 3.1)
            times, slower = slow(then, now)
            assert times == good + bad + late
            assert late <= slower <= sum(one > fast for one in seconds)


# ------------------------------------------------------------------ real exporters


PRESETS = {
    "envoy": ("preset: envoy", ("canary", "stable"), True),
    "traefik": ("preset: traefik", ("payment-canary@file", "payment-stable@file"), True),
    "haproxy": ("preset: haproxy, select: 'proxy=\"payment\"'", ("canary", "stable"), False),
}


@pytest.mark.parametrize("kind", [one for one in KINDS if one.name in PRESETS], ids=lambda one: one.name)
async def test_a_proxys_preset_counts_what_was_sent(kind: Any, tmp_path: Path) -> None:
    requests, groups, has_latency = PRESETS[kind.name]
    with answering() as stable, answering() as canary, kind.start(tmp_path / "proxy", stable, canary) as proxy:
        exporter = Exporter(proxy.metrics, requests, groups)
        target, path = exporter.page.split("/", 3)[2:]
        with servers.prometheus(tmp_path / "prometheus", target, path=f"/{path}") as prometheus:
            plans = [
                measures(exporter, f'{{driver: scrape, urls: ["{exporter.page}"]}}'),
                measures(exporter, f'{{driver: prometheus, url: "{prometheus}"}}'),
            ]
            assert all((one.latency is not None) == has_latency for one in plans)
            driver = proxy.driver(tmp_path)
            await asyncio.to_thread(send, proxy.url, (1, 0, 0))
            before = await settled(plans, tmp_path)
            old = await asyncio.to_thread(send, proxy.url, CONTROL)
            await driver.set_weight(100, Call("k", "v2", "v1"))
            new = await asyncio.to_thread(send, proxy.url, CANARY)
            for one, then in zip(plans, before, strict=True):
                right(one, then, await counted(one, tmp_path, then), (new, old))


@pytest.mark.parametrize("kind", [one for one in KINDS if one.name in ("envoy", "traefik")], ids=lambda one: one.name)
async def test_an_upstream_that_refuses_has_failed(kind: Any, tmp_path: Path) -> None:
    gone = f"http://127.0.0.1:{servers.free_port()}"
    with answering() as stable, kind.start(tmp_path / "proxy", stable, gone) as proxy:
        exporter = Exporter(proxy.metrics, *PRESETS[kind.name])
        await proxy.driver(tmp_path).set_weight(100, Call("k", "v2", "v1"))
        with httpx.Client(trust_env=False) as client:
            got = [client.get(proxy.url).status_code for _ in range(4)]
        now = await reading(measures(exporter, f'{{driver: scrape, urls: ["{exporter.page}"]}}'), tmp_path)
    assert set(got) <= {502, 503}
    assert now.canary
    assert (now.canary.requests, now.canary.errors) == (4, 4)


async def test_a_haproxy_server_that_refuses_has_failed(tmp_path: Path) -> None:
    """It has no responses at all: the 503 that users get is not counted as its own."""
    lines = ["balance roundrobin", "retries 0"]
    with answering() as stable:
        lines += [f"server stable {stable[7:]} weight 1", f"server canary 127.0.0.1:{servers.free_port()} weight 1"]
        with haproxy.running(tmp_path / "proxy", {"payment": lines}) as proxy:
            with httpx.Client(trust_env=False) as client:
                got = [client.get(proxy.url).status_code for _ in range(10)]
            exporter = Exporter(proxy.metrics, PRESETS["haproxy"][0], ("canary", "stable"), False)
            now = await reading(measures(exporter, f'{{driver: scrape, urls: ["{proxy.metrics}"]}}'), tmp_path)
    assert got.count(503) == 5
    assert now.canary
    assert now.control
    assert (now.canary.requests, now.canary.errors) in ((5, 5), (6, 6))  # the start has asked, too
    assert (now.control.requests, now.control.errors) in ((5, 0), (6, 0))


@contextmanager
def instrumented(version: str, code: str = "code") -> Iterator[tuple[str, str]]:
    """A server that counts with Prometheus' client library: its address, and its page's."""
    known = prometheus_client.CollectorRegistry()
    total = prometheus_client.Counter("http_requests", "Requests.", ["version", code], registry=known)
    times = prometheus_client.Histogram("http_request_duration_seconds", "Times.", ["version"], registry=known)

    def seen(status: int, seconds: float) -> None:
        total.labels(version, str(status)).inc()
        times.labels(version).observe(seconds)

    page, thread = prometheus_client.start_http_server(0, "127.0.0.1", known)
    try:
        with answering(seen) as url:
            yield url, f"http://127.0.0.1:{page.server_port}"
    finally:
        page.shutdown()
        page.server_close()
        thread.join()


@pytest.mark.parametrize("code", ["code", "status"])
async def test_a_servers_preset_counts_what_was_sent(code: str, tmp_path: Path) -> None:
    with (
        instrumented("2.4.1", code) as canary,
        instrumented("2.4.0", code) as control,
        servers.prometheus(tmp_path / "prometheus", canary[1], control[1]) as prometheus,
    ):
        exporter = Exporter("", f"preset: http-server, select: 'job=\"t\"', code: {code}", ("2.4.1", "2.4.0"))
        pages = Exporter("", f"preset: http-server, code: {code}", exporter.groups)
        plans = [
            measures(pages, f'{{driver: scrape, urls: ["{canary[1]}/metrics", "{control[1]}/metrics"]}}'),
            measures(exporter, f'{{driver: prometheus, url: "{prometheus}"}}'),
        ]
        old = await asyncio.to_thread(send, control[0], CONTROL)
        new = await asyncio.to_thread(send, canary[0], CANARY)
        for one in plans:
            right(one, Reading(), await counted(one, tmp_path, Reading()), (new, old))


# ------------------------------------------------------------------ documented expositions


DOCUMENTED = {
    "istio": ("preset: istio, select: 'destination_service_name=\"payment\"'", ("v2", "v1"), (100, 3), (300, 6), 0.25),
    "nginx-ingress": (
        'preset: nginx-ingress, select: \'namespace="shop",ingress="payment"\'',
        ("shop-payment-canary-80", ""),
        (100, 7),
        (300, 4),
        0.1,
    ),
}


@pytest.fixture(scope="module", params=DOCUMENTED)
def documented(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str]]]:
    text = (EXPORTERS / f"{request.param}.prom").read_bytes()
    with (
        servers.http_server(text) as page,
        servers.prometheus(tmp_path_factory.mktemp(request.param), page.url) as prometheus,
    ):
        yield (
            DOCUMENTED[request.param],
            [f'{{driver: scrape, urls: ["{page.url}"]}}', f'{{driver: prometheus, url: "{prometheus}"}}'],
        )


async def test_what_is_documented_is_counted(documented: tuple[Any, list[str]], tmp_path: Path) -> None:
    (requests, groups, canary, control, bound), sources = documented
    for source in sources:
        of = measures(Exporter("", requests, groups), source)
        deadline = time.monotonic() + 20
        while (now := await reading(of, tmp_path)).canary is None and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        assert now.canary
        assert now.control
        assert (now.canary.requests, now.canary.errors) == canary
        assert (now.control.requests, now.control.errors) == control
        assert now.canary.latency
        assert bound in now.canary.latency.bounds
        assert sum(now.canary.latency.counts) == canary[0]
