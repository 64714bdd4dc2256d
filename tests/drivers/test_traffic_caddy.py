import asyncio
import json

import httpx
import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.traffic.caddy import CaddyTraffic
from pilotage.testing import RestartsContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.proxies.caddy import caddy


@pytest.fixture(scope="module")
def upstreams():
    with servers.http_server(b"stable") as stable, servers.http_server(b"canary") as canary:
        yield stable.url, canary.url


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, upstreams):
    with caddy(tmp_path_factory.mktemp("caddy"), *upstreams) as running:
        yield running


@pytest.fixture
def driver(proxy, tmp_path):
    return proxy.driver(tmp_path)


async def seen(url, requests=200):
    async with httpx.AsyncClient(trust_env=False) as client:
        return [(await client.get(url)).text for _ in range(requests)]


class TestCaddy(TrafficContract, UnreachableContract, RestartsContract):
    tolerance = 0.05

    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        return proxy.driver(tmp_path, admin=f"http://127.0.0.1:{servers.free_port()}")

    @pytest.fixture
    def restart(self, proxy):
        async def restart():
            await asyncio.to_thread(proxy.restart)

        return restart

    @pytest.mark.parametrize(("weight", "canary"), [(0, 0), (0.5, 1), (10, 20), (25, 50), (50, 100), (100, 200)])
    async def test_the_traffic_follows_the_weight_exactly_and_at_once(self, driver, proxy, weight, canary):
        await driver.set_weight(weight, call("a"))
        assert (await seen(proxy.url)).count("canary") == canary

    async def test_no_long_rows_for_one_side(self, driver, proxy):
        await driver.set_weight(0, call("a"))
        await driver.set_weight(25, call("b"))
        assert (await seen(proxy.url, 8)).count("canary") == 2

    async def test_the_weight_survives_a_restart_that_resumes(self, driver, proxy, restart):
        await driver.set_weight(25, call("a"))
        await restart()
        assert await driver.read_weight() == 25
        assert (await seen(proxy.url)).count("canary") == 50


async def test_the_weight_is_lost_with_a_restart_that_does_not_resume(tmp_path, upstreams):
    with caddy(tmp_path, *upstreams, resume=False) as proxy:
        driver = proxy.driver(tmp_path)
        await driver.set_weight(25, call("a"))
        await asyncio.to_thread(proxy.restart)
        assert await driver.read_weight() == 0


@pytest.mark.parametrize(
    ("canary", "stable", "weight", "weights"),
    [
        (1, 1, 25, [1, 3]),
        (1, 3, 25, [1, 1, 1, 1]),
        (2, 3, 10, [1, 1, 6, 6, 6]),
        (1, 2, 0, [0, 1, 1]),
        (2, 1, 100, [1, 1, 0]),
    ],
)
async def test_several_upstreams_of_a_side_share_alike(tmp_path, upstreams, canary, stable, weight, weights):
    canaries = [f"127.0.0.1:{9001 + n}" for n in range(canary)]
    stables = [f"127.0.0.1:{9101 + n}" for n in range(stable)]
    with caddy(tmp_path, *upstreams) as proxy:
        first = {
            "@id": "payment",
            "handler": "reverse_proxy",
            "upstreams": [{"dial": dial} for dial in (*canaries, *stables)],
            "load_balancing": {
                "selection_policy": {"policy": "weighted_round_robin", "weights": [3] * canary + [5] * stable}
            },
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            (await client.patch(f"{proxy.admin}/id/payment", json=first)).raise_for_status()
            driver = proxy.driver(tmp_path, canary=canaries, stable=stables)
            assert await driver.set_weight(weight, call("a")) == weight
            policy = (await client.get(f"{proxy.admin}/id/payment/load_balancing/selection_policy")).json()
        assert policy["weights"] == weights


HANDLER = {
    "@id": "payment",
    "upstreams": [{"dial": "a:1"}, {"dial": "b:1"}],
    "load_balancing": {"selection_policy": {"policy": "weighted_round_robin", "weights": [1, 0]}},
}


class TestErrors:
    async def test_an_object_that_is_not_there_is_told(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match='nothing with the "@id" basket'):
            await proxy.driver(tmp_path, id="basket").probe()

    async def test_an_origin_that_is_refused_is_told(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match=r"refuses access \(403\): is `origin`"):
            await proxy.driver(tmp_path, origin="http://elsewhere.example.org").probe()

    async def test_another_policy_is_told_with_the_remedy(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match="needs a selection policy weighted_round_robin with 2 weights"):
            await proxy.driver(tmp_path, id="random").probe()

    async def test_an_upstream_that_is_nobodys_is_told(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match=f"also has the upstreams {proxy.canary}"):
            await proxy.driver(tmp_path, canary=["127.0.0.1:1"]).probe()

    async def test_an_upstream_that_caddy_lacks_is_told(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match=r"has no upstream 127\.0\.0\.1:1"):
            await proxy.driver(tmp_path, canary=[proxy.canary, "127.0.0.1:1"]).probe()

    async def test_a_change_by_somebody_else_is_not_overwritten(self, driver, proxy, monkeypatch):
        await driver.set_weight(10, call("a"))
        known = await driver._handler()
        await driver.set_weight(20, call("b"))
        monkeypatch.setattr(driver, "_handler", lambda: asyncio.sleep(0, known))
        with pytest.raises(TemporaryError, match="somebody else changed payment"):
            await driver.set_weight(30, call("c"))
        monkeypatch.undo()
        assert await driver.read_weight() == 20

    @pytest.mark.parametrize(
        ("status", "body", "error", "match"),
        [
            (200, b"<html>", PermanentError, "not a reverse_proxy"),
            (200, b'{"upstreams": [1]}', PermanentError, "not a reverse_proxy"),
            (200, json.dumps({**HANDLER, "load_balancing": []}).encode(), PermanentError, "needs a selection policy"),
            (401, b"", PermanentError, "refuses without a token"),
            (500, b'{"error": "loading"}', TemporaryError, "500.*loading"),
        ],
    )
    async def test_what_is_not_caddys_answer_is_told(self, proxy, tmp_path, status, body, error, match):
        with servers.http_server(body) as other:
            other.status = status
            with pytest.raises(error, match=match):
                await proxy.driver(tmp_path, admin=other.url, canary=["b:1"], stable=["a:1"]).probe()

    async def test_a_start_that_is_not_told_is_not_guessed(self, proxy, tmp_path):
        with servers.http_server(b"up 1\n") as other, pytest.raises(PermanentError, match="since when Caddy runs"):
            await proxy.driver(tmp_path, admin=other.url).started_at()


@pytest.mark.parametrize(
    "others", [{"canary": []}, {"canary": [""]}, {"canary": ["a:1"], "stable": ["b:1", "a:1"]}, {"id": ""}]
)
def test_options_that_cannot_work_are_refused(proxy, others):
    with pytest.raises(ValueError, match=r"each once and none empty|at least 1"):
        CaddyTraffic.Options(**proxy.options(**others))
