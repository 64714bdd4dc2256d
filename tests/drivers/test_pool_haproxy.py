import asyncio
import http.client
import threading
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.haproxy import Runtime
from pilotage.testing import PoolContract, UnreachableContract, call
from tests.proxies.haproxy import pool, running, servers, upstream
from tests.servers import wait_until

NAMES = ("web1", "web2", "web3")


@contextmanager
def upstreams():
    with ExitStack() as stack:
        yield {name: stack.enter_context(upstream(name)) for name in NAMES}


@pytest.fixture(scope="module")
def webs():
    with upstreams() as webs:
        yield webs


@pytest.fixture(scope="module")
def proxy(webs, tmp_path_factory):
    with pool(tmp_path_factory.mktemp("pool"), {name: web.address for name, web in webs.items()}) as proxy:
        yield proxy


def get(proxy, path="/", **headers):
    """One request: its status and its body."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@asynccontextmanager
async def slow_request(proxy, web, server):
    """A request to `server` that is answered when the block ends."""
    web.release.clear()
    asking = asyncio.create_task(asyncio.to_thread(get, proxy, f"/{server}/slow"))
    await asyncio.to_thread(wait_until, lambda: web.running == 1, "the slow request's arrival")
    try:
        yield asking
    finally:
        web.release.set()
        assert await asking == (200, server)


class TestHaproxyPool(PoolContract, UnreachableContract):
    @pytest.fixture
    async def driver(self, proxy, tmp_path):
        driver = proxy.pool(tmp_path)
        yield driver
        for name in NAMES:
            await driver.ready(name, call("end"))

    @pytest.fixture
    def busy(self, proxy, webs):
        return lambda server: slow_request(proxy, webs[server], server)

    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        return proxy.pool(tmp_path, socket="gone.sock")

    async def test_a_drained_server_gets_no_requests(self, driver, proxy):
        await driver.drain("web1", call("a"))
        bodies = {(await asyncio.to_thread(get, proxy))[1] for _ in range(12)}
        assert bodies == {"web2", "web3"}

    async def test_an_idle_connection_is_no_running_request(self, driver, proxy):
        connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"))
        connection.request("GET", "/web1/")
        assert connection.getresponse().read() == b"web1"
        await driver.drain("web1", call("a", timeout_s=0.5))
        connection.request("GET", "/")
        assert connection.getresponse().read() != b"web1"
        connection.close()

    async def test_a_drain_ends_with_the_last_request(self, driver, proxy, webs):
        async with slow_request(proxy, webs["web1"], "web1") as asking:
            draining = asyncio.create_task(driver.drain("web1", call("a")))
            while (await driver.states())["web1"] != "drained":
                await asyncio.sleep(0.01)
            assert not draining.done()
            webs["web1"].release.set()
            assert await asking == (200, "web1")
            assert "last one has ended" in await draining

    async def test_how_many_requests_are_late_is_said(self, driver, proxy, webs):
        async with slow_request(proxy, webs["web1"], "web1"):
            with pytest.raises(TemporaryError, match=r"1 of its requests .* 0\.2 s; it stays out of rotation"):
                await driver.drain("web1", call("a", timeout_s=0.2))

    async def test_the_last_server_is_not_drained(self, driver):
        await driver.drain("web1", call("a"))
        await driver.drain("web2", call("b"))
        with pytest.raises(PermanentError, match=r"web3 is the last server .* web1 is DRAIN, web2 is DRAIN"):
            await driver.drain("web3", call("c"))
        assert (await driver.states())["web3"] == "ready"
        await driver.drain("web2", call("b"))

    async def test_nor_when_all_are_drained_at_once(self, driver):
        answers = await asyncio.gather(*(driver.drain(name, call(name)) for name in NAMES), return_exceptions=True)
        refused = [str(one) for one in answers if isinstance(one, PermanentError)]
        assert ["is the last server" in one for one in refused] == [True]
        assert sorted((await driver.states()).values()) == ["drained", "drained", "ready"]

    async def test_the_state_saved_last_is_the_newest(self, driver, proxy, monkeypatch):
        ask, asked, go = Runtime.ask, [], asyncio.Event()

        async def late(self, command):
            answer = await ask(self, command)
            if command == "show servers state":
                asked.append(command)
                await (go.wait() if len(asked) == 1 else asyncio.sleep(0))
            return answer

        monkeypatch.setattr(Runtime, "ask", late)
        first = asyncio.create_task(driver.drain("web1", call("a")))
        while not asked:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(driver.drain("web2", call("b")))
        await asyncio.wait([second], timeout=0.5)  # it must not be able to end before the first has written
        go.set()
        await asyncio.gather(first, second)
        await asyncio.to_thread(proxy.restart)
        assert [(await driver.states())[name] for name in ("web1", "web2")] == ["drained", "drained"]

    async def test_a_drained_server_stays_so_over_a_restart(self, driver, proxy):
        await driver.drain("web1", call("a"))
        await asyncio.to_thread(proxy.restart)
        assert (await driver.states())["web1"] == "drained"

    async def test_a_server_that_is_not_there_is_named_with_the_one_meant(self, driver):
        with pytest.raises(PermanentError, match="no server webl; did you mean web"):
            await driver.drain("webl", call("a"))

    @pytest.mark.parametrize("name", ["web1; set server payment/web2 state maint", "web1\nshutdown frontend web"])
    async def test_a_name_that_is_a_second_command_reaches_nothing(self, driver, name):
        for asked in (driver.drain, driver.ready):
            with pytest.raises(PermanentError, match="no server"):
                await asked(name, call("a"))
        assert set((await driver.states()).values()) == {"ready"}


@pytest.fixture
def other(tmp_path, webs):
    """Backends of other kinds: without checks, with a cookie, with a server at weight 0."""
    addresses = {name: web.address for name, web in webs.items()}
    cookie = [line.replace(" check", f" check cookie {line.split()[1]}") for line in servers(addresses)]
    backends = {
        "unchecked": servers(addresses, more=""),
        "cookie": ["cookie SRV insert indirect", *cookie],
        "weightless": [*servers(addresses), "server spare 127.0.0.1:9 weight 0"],
    }
    with running(tmp_path / "other", backends | {"payment": servers(addresses)}) as proxy:
        yield proxy


class TestKindsOfServers:
    async def test_without_a_check_it_is_ready_at_once(self, other, tmp_path):
        driver = other.pool(tmp_path, backend="unchecked")
        await driver.drain("web1", call("a"))
        assert "does not check it" in await driver.ready("web1", call("b"))

    async def test_one_that_users_are_bound_to_gets_none_of_them(self, other, tmp_path):
        driver = other.pool(tmp_path, backend="cookie")
        bound = {"backend": "cookie", "cookie": "SRV=web1"}
        assert await asyncio.to_thread(lambda: get(other, **bound)) == (200, "web1")
        await driver.drain("web1", call("a"))
        for _ in range(10):
            status, body = await asyncio.to_thread(lambda: get(other, **bound))
            assert (status, body != "web1") == (200, True)
        await driver.ready("web1", call("b"))
        assert await asyncio.to_thread(lambda: get(other, **bound)) == (200, "web1")

    async def test_one_without_weight_is_not_called_ready(self, other, tmp_path):
        with pytest.raises(PermanentError, match="has weight 0"):
            await other.pool(tmp_path, backend="weightless").ready("spare", call("a"))

    @pytest.mark.parametrize("backend", ["payment", "cookie"])
    async def test_ready_waits_for_a_new_check(self, tmp_path, backend):
        first = "cookie SRV insert" if backend == "cookie" else "balance roundrobin"
        with upstream("web2") as web2, ExitStack() as before:
            web1 = before.enter_context(upstream("web1"))
            lines = servers({"web1": web1.address, "web2": web2.address}, first, "check inter 1500ms fastinter 50ms")
            with running(tmp_path / "two", {"payment": lines}) as proxy:
                driver = proxy.pool(tmp_path)
                await driver.drain("web1", call("a"))
                before.close()
                with pytest.raises(TemporaryError, match=r"web1 .* it is DOWN after 0\.3 s"):
                    await driver.ready("web1", call("b", timeout_s=0.3))
                assert (await driver.states())["web1"] == "down"
                with upstream("web1", int(web1.address.split(":")[1])):
                    assert "its check says UP" in await driver.ready("web1", call("b"))


class Load:
    """So many clients that send one request after the other, without retries."""

    def __init__(self, proxy, clients):
        self._address = proxy.url.removeprefix("http://")
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        self.bodies, self.failures = [], []

    def _send(self):
        connection = http.client.HTTPConnection(self._address, timeout=10)
        while not self._end.is_set():
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                body = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            else:
                (self.bodies if answer.status == 200 else self.failures).append(body)
            time.sleep(0.002)  # bounds the load

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for one in self._threads:
            one.join()


async def test_no_request_fails_while_weights_change_and_a_server_drains(webs, tmp_path):
    addresses = {name: web.address for name, web in webs.items()}
    with running(tmp_path / "load", {"payment": servers(addresses)}) as proxy:
        traffic = proxy.driver(tmp_path, canary="web3", stable=["web1", "web2"])
        rotation = proxy.pool(tmp_path)
        await traffic.set_weight(0, call("start"))
        with Load(proxy, clients=8) as load:
            for round_ in range(3):
                for weight in (10, 50, 100, 0):
                    sent = len(load.bodies)
                    await traffic.set_weight(weight, call(f"{round_}-{weight}"))
                    await asyncio.to_thread(wait_until, lambda sent=sent: len(load.bodies) > sent + 100, "the load")
                async with slow_request(proxy, webs["web1"], "web1") as asking:
                    draining = asyncio.create_task(rotation.drain("web1", call(f"drain-{round_}")))
                    sent = len(load.bodies)
                    await asyncio.to_thread(wait_until, lambda sent=sent: len(load.bodies) > sent + 200, "the load")
                    assert not draining.done()
                    webs["web1"].release.set()
                    await asking
                    await draining
                await rotation.ready("web1", call(f"ready-{round_}"))
    assert load.failures == []
    assert set(load.bodies) == set(NAMES)
