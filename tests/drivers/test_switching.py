"""What must hold of every proxy's driver while clients are sending: no request is lost, and the share is reached."""

import time
from itertools import count

import pytest

from pilotage.testing import call
from tests.proxies.kinds import KINDS
from tests.proxies.load import load
from tests.proxies.upstream import upstream

CLIENTS = 8
RATE = 1600
SHIFTS = (10, 50, 90, 100, 50, 0)
SOON_S = 3.0
"""Generous, for a busy machine: the benchmark of switching has the real times."""


@pytest.fixture(scope="module")
def upstreams():
    with upstream("stable") as stable, upstream("canary") as canary:
        yield stable, canary


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def proxy(kind, upstreams, tmp_path_factory):
    with kind.start(tmp_path_factory.mktemp(kind.name), *upstreams) as running:
        yield running


@pytest.fixture(scope="module")
def folder(proxy, tmp_path_factory):
    return tmp_path_factory.mktemp("plan")


@pytest.fixture
async def switch(proxy, folder):
    """Sets the weight, each time by a call of its own; it is 0 at the start."""
    driver = proxy.driver(folder)
    keys = count()

    async def switched(weight):
        assert await driver.set_weight(weight, call(f"{time.time_ns()}-{next(keys)}")) == pytest.approx(weight, abs=0.5)

    await switched(0)
    yield switched
    await driver.close()


def assert_none_lost(kind, seen, switches):
    """Where losses are known, one for each client at each switch is the most there can be."""
    assert seen.failed <= (CLIENTS * switches if kind.loses else 0), seen.failures


async def share_off(kind, seen, weight):
    """How far the share is off what it should be, as a part of what is allowed: half a point where the proxy splits in
    turn, else three sigma - which chance alone exceeds once in 370 times, and twice in a row once in 137,000."""
    off = []
    for _ in range(1 if kind.exact else 2):
        since = time.monotonic()
        await seen.more(800)
        share, requests = seen.share("canary", since, time.monotonic())
        assert requests > 600
        off.append(abs(share - weight) / max(0.5, kind.deviation(weight, requests)))
        if off[-1] <= 1:
            break
    return min(off)


async def test_six_shifts_reach_their_share_and_lose_no_request(kind, proxy, switch):
    off = {}
    async with load(proxy.url, CLIENTS, rate=RATE) as seen:
        await seen.more(100)
        for place, weight in enumerate(SHIFTS):
            await switch(weight)
            off[place, weight] = await share_off(kind, seen, weight)
    assert_none_lost(kind, seen, len(SHIFTS))
    assert {one: part for one, part in off.items() if part > 1} == {}


async def test_all_turn_to_the_canary_and_back_soon_and_lose_no_request(kind, proxy, switch):
    turns = []
    async with load(proxy.url, CLIENTS, rate=RATE) as seen:
        await seen.more(100)
        for weight, who in ((100, "canary"), (0, "stable")):
            since = time.monotonic()
            await switch(weight)
            await seen.more(400)
            turns.append((who, since, time.monotonic()))
    assert_none_lost(kind, seen, len(turns))
    for who, since, until in turns:
        first, last = seen.turned(who, since, until)
        assert first < SOON_S
        assert last < SOON_S


async def test_a_restart_keeps_the_share(kind, proxy, folder, switch):
    await switch(25)
    proxy.restart()  # in this thread: Envoy ends with the thread that has started it
    assert await proxy.driver(folder).read_weight() == pytest.approx(25, abs=0.5)
    async with load(proxy.url, CLIENTS, rate=RATE) as seen:
        await seen.more(100)
        assert await share_off(kind, seen, 25) <= 1
    assert seen.failed == 0
