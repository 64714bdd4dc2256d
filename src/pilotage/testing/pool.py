"""Pools: out of rotation and back."""

from __future__ import annotations

from typing import Any

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Pool
from pilotage.testing.every import EveryDriver, call


class PoolContract(EveryDriver):
    """Your fixtures: `driver` (a pool, all of whose servers are ready), and `busy`: an async context manager that
    keeps a request to a server running (``async with busy(server): ...``). `servers` are two of its servers."""

    servers = ("web1", "web2")

    async def test_a_drained_server_is_out_of_rotation_and_the_others_are_not(self, driver: Pool) -> None:
        one, other = self.servers
        said = await driver.drain(one, call("a"))
        assert said.strip()
        assert "\n" not in said
        states = await driver.states()
        assert (states[one], states[other]) == ("drained", "ready")

    async def test_it_comes_back(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        assert (await driver.ready(one, call("b"))).strip()
        assert (await driver.states())[one] == "ready"

    async def test_the_same_call_twice_is_fine(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        await driver.drain(one, call("a"))
        await driver.ready(one, call("b"))
        await driver.ready(one, call("b"))
        assert (await driver.states())[one] == "ready"

    async def test_a_drain_waits_for_the_last_request(self, driver: Pool, busy: Any) -> None:
        one, _ = self.servers
        async with busy(one):
            with pytest.raises(TemporaryError):
                await driver.drain(one, call("a", timeout_s=0.5))
            assert (await driver.states())[one] == "drained"
        await driver.drain(one, call("a"))

    async def test_a_server_it_does_not_know_is_refused(self, driver: Pool) -> None:
        for asked in (driver.drain, driver.ready):
            with pytest.raises(PermanentError, match="no-such-server"):
                await asked("no-such-server", call("a"))

    async def test_probe_changes_nothing(self, driver: Pool) -> None:
        one, _ = self.servers
        await driver.drain(one, call("a"))
        before = await driver.states()
        await driver.probe()
        assert await driver.states() == before
