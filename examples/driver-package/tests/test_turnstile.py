from __future__ import annotations

import httpx
import pytest
from pilotage_turnstile import TurnstileTraffic
from turnstile import TOKEN, turnstile

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.testing import TrafficContract, UnreachableContract, call


class TestTurnstile(TrafficContract, UnreachableContract):
    @pytest.fixture
    def proxy(self):
        with turnstile("shop") as address:
            yield address

    @pytest.fixture
    def make(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TURNSTILE_TOKEN", TOKEN)
        token = {"env": "TURNSTILE_TOKEN"}

        def make(admin, gate="shop"):
            return TurnstileTraffic(
                TurnstileTraffic.Options(admin=admin, gate=gate, token=token), Context(tmp_path, tmp_path)
            )

        return make

    @pytest.fixture
    async def driver(self, make, proxy):
        driver = make(proxy)
        yield driver
        await driver.close()

    @pytest.fixture
    def unreachable(self, make):
        return make("http://127.0.0.1:9")

    async def test_the_traffic_follows_the_weight(self, driver, proxy):
        for weight, version in ((0, "stable"), (100, "canary")):
            await driver.set_weight(weight, call("a"))
            async with httpx.AsyncClient(trust_env=False) as client:
                assert {(await client.get(proxy)).text for _ in range(20)} == {version}

    async def test_a_gate_that_is_not_there_is_named(self, make, proxy):
        with pytest.raises(PermanentError, match="no gate shp"):
            await make(proxy, gate="shp").probe()

    async def test_what_is_not_turnstile_is_said(self, make, proxy):
        with pytest.raises(PermanentError, match="is `admin` right"):
            await make(f"{proxy}/shop").probe()

    async def test_a_token_that_no_header_can_have_is_said_without_it(self, make, proxy, monkeypatch):
        monkeypatch.setenv("TURNSTILE_TOKEN", "another\none")
        with pytest.raises(PermanentError, match="one line") as refused:
            await make(proxy).probe()
        assert "another" not in str(refused.value)

    async def test_a_refused_token_is_said_without_it(self, make, proxy, monkeypatch):
        monkeypatch.setenv("TURNSTILE_TOKEN", "another-one")
        with pytest.raises(PermanentError, match="401") as refused:
            await make(proxy).probe()
        assert "another-one" not in str(refused.value)
