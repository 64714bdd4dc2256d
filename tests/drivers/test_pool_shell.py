"""A pool through a team's commands, before a small load balancer that is asked over a socket."""

from __future__ import annotations

import sys

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.pool.shell import ShellPool
from pilotage.testing import PoolContract, call
from tests.drivers.balancer import balancer


@pytest.fixture
def servers():
    with balancer() as running:
        yield running


@pytest.fixture
def pool(servers, tmp_path):
    def make(**options):
        return ShellPool(ShellPool.Options(**(servers.options() | options)), Context(tmp_path, tmp_path / "state"))

    return make


def prints(text):
    return [sys.executable, "-S", "-c", f"print({text!r})"]


class TestShellPool(PoolContract):
    servers = ("web1", "web2")

    @pytest.fixture
    def driver(self, pool):
        return pool()

    @pytest.fixture
    def busy(self, servers):
        return servers.busy

    async def test_a_repeated_key_runs_the_command_once(self, driver, servers):
        await driver.drain("web1", call("a"))
        await driver.drain("web1", call("a"))
        assert servers.heard == ["drain web1"]

    async def test_but_again_when_somebody_has_turned_it_since(self, driver, servers):
        await driver.drain("web1", call("a"))
        servers.out.clear()
        with pytest.raises(TemporaryError, match="ended well, but web1 is ready, not drained"):
            await driver.drain("web1", call("a"))
        await driver.drain("web1", call("a"))
        assert servers.heard == ["drain web1", "drain web1"]

    async def test_the_error_has_the_commands_last_lines(self, driver, servers):
        async with servers.busy("web1"):
            with pytest.raises(TemporaryError, match="1 requests still run on web1"):
                await driver.drain("web1", call("a", timeout_s=0.2))

    async def test_a_server_that_is_down_counts_as_drained_and_not_as_ready(self, driver, servers):
        servers.down.add("web1")
        await driver.drain("web1", call("a"))
        servers.out.clear()
        with pytest.raises(TemporaryError, match="web1 is down"):
            await driver.ready("web1", call("b"))

    async def test_a_command_that_only_says_it_did_is_not_believed(self, pool):
        with pytest.raises(TemporaryError, match="ended well, but web1 is ready, not drained"):
            await pool(drain=prints("done")).drain("web1", call("a"))

    async def test_the_probe_counts_the_servers(self, driver, servers):
        servers.down.add("web2")
        assert (await driver.probe()).endswith("knows 2 servers, 1 of them ready")

    @pytest.mark.parametrize("text", ["web1 up", "web1", "ready", "web1 ready\nweb1 down", "web1=ready"])
    async def test_states_that_cannot_be_read_are_refused(self, pool, text):
        with pytest.raises(PermanentError, match='must print one line "name state"'):
            await pool(states=prints(text)).states()

    async def test_a_pool_without_servers_is_told_at_probe(self, pool):
        with pytest.raises(PermanentError, match="knows no server"):
            await pool(states=prints("")).probe()

    async def test_a_missing_command_is_told_at_probe(self, pool):
        with pytest.raises(PermanentError, match="no-such-command"):
            await pool(drain=["no-such-command", "{server}"]).probe()

    @pytest.mark.parametrize("options", [{"drain": ["x", "{version}"]}, {"states": ["x", "{server}"]}, {"ready": []}])
    def test_wrong_options_are_refused(self, pool, options):
        with pytest.raises(ValidationError):
            pool(**options)
