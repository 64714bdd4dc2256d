"""A batch of servers: real commands deploy, a small balancer takes them in and out, and each has a health page."""

from __future__ import annotations

import asyncio
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, Rehearses
from pilotage.drivers.deploy.servers import ServersDeployer
from pilotage.drivers.process import OVERTAKEN
from pilotage.testing import DeployerContract, RehearsesContract, call
from tests import servers
from tests.drivers import sshd
from tests.drivers.balancer import balancer

NOTE = """
import pathlib, sys
name, version = sys.argv[1:]
with open("deployed", "a") as file: print(name, version, file=file)
if pathlib.Path(name + "-fails").exists(): sys.exit("no disk left")
"""
BACK = replace(call("back"), version="v2", previous="v1")


@pytest.fixture
def pages():
    with ExitStack() as stack:
        yield {name: stack.enter_context(servers.http_server()) for name in ("web1", "web2")}


@pytest.fixture
def pool():
    with balancer() as running:
        yield running


def script(name, *more):
    return {"driver": "shell", "command": [sys.executable, "-S", "-c", NOTE, name, "{version}"]} | dict(more)


def http(page):
    return {"check": "http", "url": page.url}


@pytest.fixture
async def batch(pool, pages, tmp_path):
    made = []

    def make(**options):
        server = {name: {"name": name, "deploy": [script(name)], "health": http(page)} for name, page in pages.items()}
        given = {"pool": {"driver": "shell", **pool.options()}, "servers": list(server.values()), "healthy_s": 20}
        checked = ServersDeployer.Options.model_validate(given | options)
        made.append(ServersDeployer(checked, Context(tmp_path, tmp_path / "state")))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def deployed(tmp_path):
    def lines():
        return (tmp_path / "deployed").read_text().splitlines() if (tmp_path / "deployed").exists() else []

    return lines


class TestServers(DeployerContract, RehearsesContract):
    @pytest.fixture
    def driver(self, batch, pages):
        return batch(servers=[{"name": "web1", "deploy": [script("web1")]}])

    @pytest.fixture
    def deployed(self, deployed):
        return lambda: [line.split()[1] for line in deployed()]


class TestABatch:
    async def test_each_is_drained_deployed_to_looked_at_and_put_back(self, batch, pool, pages, deployed):
        said = await batch().deploy("v2", call("a"))
        assert sorted(deployed()) == ["web1 v2", "web2 v2"]
        assert sorted(pool.heard[:2]) == ["drain web1", "drain web2"]
        assert sorted(pool.heard[2:]) == ["ready web1", "ready web2"]
        assert all(page.requests for page in pages.values())
        one, two = said.split("; ")
        steps = [words.split()[0] for words in one.removeprefix("web1: ").split(", ")]
        assert steps == ["drained", "deployed", "well", "back"]
        assert two.startswith("web2: drained ")

    async def test_it_waits_for_the_last_request(self, batch, pool, deployed):
        async with pool.busy("web1"):
            task = asyncio.create_task(batch().deploy("v2", call("a")))
            await asyncio.to_thread(servers.wait_until, lambda: "web2 v2" in deployed(), "the other server's deploy")
            assert "web1 v2" not in deployed()
        await task
        assert "web1 v2" in deployed()

    async def test_deployers_act_in_their_order(self, batch, deployed):
        one = {"name": "web1", "deploy": [script("image"), script("service")]}
        said = await batch(servers=[one]).deploy("v2", call("a"))
        assert deployed() == ["image v2", "service v2"]
        assert "shell 0." in said

    async def test_without_a_pool_there_is_no_drain(self, batch, pool, deployed):
        said = await batch(pool=None).deploy("v2", call("a"))
        assert len(deployed()) == 2
        assert (pool.heard, "drained" in said) == ([], False)

    async def test_one_that_fails_stays_out_and_the_others_come_to_their_end(self, batch, pool, pages, deployed):
        pages["web2"].status = 503
        with pytest.raises(PermanentError) as told:
            await batch(healthy_s=0.3).deploy("v2", call("a"))
        said = str(told.value)
        assert said.startswith(f"web2: not healthy after 0.3 s ({pages['web2'].url} answered 503 in ")
        assert said.endswith("; it stays out of rotation (in rotation with v2: web1)")
        assert pool.states() == {"web1": "ready", "web2": "drained"}
        assert len(deployed()) == 2

    async def test_one_that_is_put_back_but_never_ready_is_said_to_be_in_rotation(self, batch, pool, pages):
        pool.down.add("web2")
        with pytest.raises(TemporaryError, match=r"(?s)web2: not put back: .*; it is in rotation, but down"):
            await batch().deploy("v2", call("a"))
        assert pool.states() == {"web1": "ready", "web2": "down"}

    async def test_all_that_failed_are_named_with_where_they_stopped(self, batch, pool, pages, tmp_path):
        (tmp_path / "web1-fails").touch()
        pages["web2"].status = 503
        with pytest.raises(
            PermanentError, match=r"(?s)web1: not deployed \(shell\): .*no disk left.*; web2: not healthy"
        ):
            await batch(healthy_s=0.3).deploy("v2", call("a"))
        assert pool.out == {"web1", "web2"}

    async def test_one_permanent_error_is_enough_to_be_permanent(self, batch, pages):
        pages["web2"].status = 503
        missing = {"driver": "shell", "command": ["no-such-command"]}
        server = [{"name": "web1", "deploy": [missing]}, {"name": "web2", "deploy": [script("web2")]}]
        with pytest.raises(PermanentError, match=r"web1: not deployed \(shell\): cannot run no-such-command"):
            await batch(servers=server).deploy("v2", call("a"))

    async def test_repeated_it_goes_on_where_it_stopped(self, batch, pool, pages, deployed):
        pages["web2"].status = 503
        with pytest.raises(PermanentError):
            await batch(healthy_s=0.3).deploy("v2", call("a"))
        pages["web2"].status = 200
        said = await batch().deploy("v2", call("a"))
        assert said.startswith("web1: done before; web2: drained ")
        assert sorted(deployed()) == ["web1 v2", "web2 v2"]
        assert sorted(pool.heard) == ["drain web1", "drain web2", "ready web1", "ready web2"]
        assert pool.out == set()

    async def test_one_that_becomes_healthy_in_time_goes_back(self, batch, pool, pages):
        pages["web2"].status = 503
        task = asyncio.create_task(batch(healthy_s=20).deploy("v2", call("a")))
        await asyncio.to_thread(servers.wait_until, lambda: len(pages["web2"].requests) > 1, "the second look")
        pages["web2"].status = 200
        await task
        assert pool.out == set()

    async def test_overtaken_the_commands_of_all_are_ended(self, batch, deployed, tmp_path):
        def wait(name):
            code = f"import time; open('began-{name}', 'a'); time.sleep(60)"
            return {"driver": "shell", "command": [sys.executable, "-S", "-c", code]}

        names = ("web1", "web2")
        server = [{"name": name, "deploy": [wait(name)]} for name in names]
        task = asyncio.create_task(batch(servers=server, pool=None).deploy("v2", call("a")))
        results = lambda: len(list(tmp_path.glob("state/calls/*/1.json")))  # noqa: E731
        began = lambda: all((tmp_path / f"began-{name}").exists() for name in names)  # noqa: E731
        await asyncio.to_thread(servers.wait_until, began, "both begin")
        task.cancel(OVERTAKEN)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert results() == 2


class TestOverSsh:
    async def test_a_server_is_deployed_to_over_ssh(self, batch, pool, pages, tmp_path):
        async with sshd.serving(tmp_path / "home") as server:
            note = ["sh", "-c", 'echo "$1" >> deployed', "sh", "{version}"]
            ssh = {"driver": "ssh", **server.login(tmp_path), "command": note}
            driver = batch(servers=[{"name": "web1", "deploy": [ssh], "health": http(pages["web1"])}])
            await driver.probe()
            await driver.deploy("v2", call("a"))
            await driver.deploy("v2", call("a"))
            assert (tmp_path / "home" / "deployed").read_text() == "v2\n"
            await driver.close()
        assert pool.heard == ["drain web1", "ready web1"]


class TestTheWayBack:
    async def test_what_is_out_of_rotation_is_not_drained_again(self, batch, pool, deployed):
        pool.out.add("web2")
        async with pool.busy("web2"):  # a request that hangs on a dead server
            await batch().deploy("v1", BACK)
        assert "drain web2" not in pool.heard
        assert pool.states() == {"web1": "ready", "web2": "ready"}

    async def test_a_server_that_is_down_does_not_hinder_it(self, batch, pool, deployed):
        pool.down.add("web2")
        async with pool.busy("web2"):
            with pytest.raises(TemporaryError, match="web2: not put back"):
                await batch(drain_s=0.2).deploy("v1", BACK)
        assert sorted(deployed()) == ["web1 v1", "web2 v1"]

    async def test_requests_that_do_not_end_are_given_up_there(self, batch, pool, deployed):
        async with pool.busy("web2"):
            await batch(drain_s=0.2).deploy("v1", BACK)
        assert sorted(deployed()) == ["web1 v1", "web2 v1"]

    async def test_but_not_on_the_way_forward(self, batch, pool, deployed):
        async with pool.busy("web2"):
            with pytest.raises(TemporaryError, match=r"(?s)web2: not drained: .*still run.*; it stays out of rotation"):
                await batch(drain_s=0.2).deploy("v2", BACK)
        assert deployed() == ["web1 v2"]


class TestBefore:
    async def test_the_probe_asks_everyone_and_changes_nothing(self, batch, pool, deployed):
        said = await batch().probe()
        assert said.startswith("web1: ready, healthy, ")
        assert (pool.heard, deployed()) == ([], [])

    async def test_an_unhealthy_server_is_refused_with_its_reason(self, batch, pages):
        pages["web2"].status = 503
        with pytest.raises(TemporaryError, match=r"web2: it is not healthy before the rollout .*answered 503") as told:
            await batch().probe()
        assert "web1" not in str(told.value)

    @pytest.mark.parametrize("state", ["drained", "down"])
    async def test_a_server_that_is_not_in_rotation_is_refused(self, batch, pool, state):
        (pool.out if state == "drained" else pool.down).add("web1")
        with pytest.raises(TemporaryError, match=f"web1: it is {state} in its pool"):
            await batch().probe()

    async def test_a_server_the_pool_does_not_know_is_refused(self, batch):
        with pytest.raises(PermanentError, match="web9: the pool has no such server, but web1, web2"):
            await batch(servers=[{"name": "web9", "deploy": [script("web9")]}]).probe()

    async def test_a_missing_command_is_named_with_its_server(self, batch):
        missing = {"driver": "shell", "command": ["no-such-command"]}
        with pytest.raises(PermanentError, match="web1: shell: cannot run no-such-command"):
            await batch(servers=[{"name": "web1", "deploy": [missing]}]).probe()

    async def test_a_rehearsal_looks_the_version_up_on_each(self, batch, tmp_path, deployed):
        (tmp_path / "v1").touch()
        check = ("check", ["test", "-e", "{version}"])
        server = [{"name": name, "deploy": [script(name, check)]} for name in ("web1", "web2")]
        driver = batch(servers=server)
        assert isinstance(driver, Rehearses)
        assert await driver.rehearse("v1", call("a")) == "web1: ready, test knows v1; web2: ready, test knows v1"
        with pytest.raises(TemporaryError, match=r"(?s)web1: shell: test .*; web2: shell: test"):
            await driver.rehearse("v0", call("a"))
        assert deployed() == []


ONE = {"name": "web1", "deploy": [{"driver": "shell", "command": ["true"]}]}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"servers": []}, "at least 1 item"),
        ({"servers": [ONE, ONE]}, "each server once, not web1 again"),
        ({"servers": [ONE | {"deploy": []}]}, "at least 1 item"),
        ({"servers": [ONE | {"deploy": [{"command": ["true"]}]}]}, "a driver of the port deploy with its options"),
        ({"servers": [ONE | {"deploy": [{"driver": "no-such", "x": 1}]}]}, "one of .*shell"),
        ({"servers": [ONE | {"deploy": [{"driver": "shell", "comand": ["true"]}]}]}, r"options that shell accepts"),
        ({"servers": [ONE | {"health": {"check": "http"}}]}, "options that http accepts"),
        ({"servers": [ONE | {"name": "a/b"}]}, "pattern"),
        ({"servers": [ONE], "pool": {"driver": "envoy"}}, r"one of .*\(drivers of the port pool\)"),
    ],
)
def test_wrong_options_are_refused_with_the_reason(options, why):
    with pytest.raises(ValidationError, match=why):
        ServersDeployer.Options.model_validate(options)


def test_what_may_be_a_secret_is_not_repeated():
    wrong = ONE | {"health": {"check": "http", "url": "http://a", "headers": {"Authorization": "planted-secret"}}}
    with pytest.raises(ValidationError, match="options that http accepts") as caught:
        ServersDeployer.Options.model_validate({"servers": [wrong]})
    assert "planted-secret" not in f"{caught.value}{caught.value.errors(include_input=False)}"


def test_secrets_within_stay_references(monkeypatch):
    monkeypatch.setenv("HEALTH", "planted-secret")
    headers = {"Authorization": {"env": "HEALTH"}}
    given = {"servers": [ONE | {"health": {"check": "http", "url": "http://a", "headers": headers}}]}
    checked = ServersDeployer.Options.model_validate(given)
    assert "planted-secret" not in repr(checked) + checked.model_dump_json()
