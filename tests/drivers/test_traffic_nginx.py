import asyncio
import sys
from dataclasses import replace

import httpx
import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers.traffic.nginx import NginxTraffic
from pilotage.testing import SteersContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.proxies.nginx import FIRST, nginx


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    with (
        servers.http_server(b"stable") as stable,
        servers.http_server(b"canary") as canary,
        nginx(folder, stable.url, canary.url) as running,
    ):
        yield running


@pytest.fixture
def driver(proxy, tmp_path):
    return proxy.driver(tmp_path)


async def seen(url, requests=400, **sent):
    async with httpx.AsyncClient(trust_env=False) as client:
        return [(await client.get(url, **sent)).text for _ in range(requests)]


class TestNginx(TrafficContract, SteersContract, UnreachableContract):
    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        return proxy.driver(tmp_path, status=f"http://127.0.0.1:{servers.free_port()}/")

    @pytest.mark.parametrize(("weight", "least", "most"), [(0, 0, 0), (50, 140, 260), (100, 400, 400)])
    async def test_the_traffic_follows_the_weight_at_once(self, driver, proxy, weight, least, most):
        await driver.set_weight(weight, call("a"))
        assert least <= (await seen(proxy.url)).count("canary") <= most

    async def test_the_weight_survives_a_restart(self, driver, proxy):
        await driver.set_weight(25, call("a"))
        await asyncio.to_thread(proxy.restart)
        assert await driver.read_weight() == 25
        assert 60 <= (await seen(proxy.url)).count("canary") <= 140

    async def test_no_request_of_clients_that_keep_their_connections_fails(self, driver, proxy):
        over = asyncio.Event()

        async def ask(client):
            asked = 0
            while not over.is_set():
                assert (await client.get(proxy.url)).status_code == 200
                asked += 1
            return asked

        clients = [httpx.AsyncClient(trust_env=False) for _ in range(8)]
        asking = [asyncio.create_task(ask(client)) for client in clients]
        for weight in (10, 25, 50, 75, 100, 0):
            await driver.set_weight(weight, call(str(weight)))
        over.set()
        assert sum(await asyncio.gather(*asking)) > 100
        for client in clients:
            await client.aclose()


class TestCohorts:
    @pytest.mark.parametrize("kind", ["header", "cookie"])
    async def test_the_cohort_gets_the_canary_and_nobody_else(self, driver, proxy, kind):
        cohort = Cohort(kind, "group", ("beta", "a.b"))
        await driver.set_weight(0, replace(call("a"), cohort=cohort))
        assert await driver.read_cohort() == cohort
        for value in ("beta", "a.b"):
            sent = {"group": value} if kind == "header" else {"Cookie": f"x=1; group={value}; y=2"}
            assert set(await seen(proxy.url, 5, headers=sent)) == {"canary"}
        for value in ("Beta", "axb", "betaa", ""):
            sent = {"group": value} if kind == "header" else {"Cookie": f"x=1; group={value}; y=2"}
            assert set(await seen(proxy.url, 5, headers=sent)) == {"stable"}

    @pytest.mark.parametrize("value", ['"x"; }', "$host`", "(a|.*)", "\\", "\\\\n", "é ü", "a b"])
    async def test_values_from_outside_are_matched_as_they_are(self, driver, proxy, value):
        await driver.set_weight(0, replace(call("a"), cohort=Cohort("header", "X-Group", (value,))))
        assert await seen(proxy.url, 1, headers={"X-Group": value.encode()}) == ["canary"]
        assert await seen(proxy.url, 1, headers={"X-Group": "a"}) == ["stable"]

    @pytest.mark.parametrize(
        ("cohort", "error"),
        [
            (Cohort("user", "plan", ("beta",)), "not by user"),
            (Cohort("cookie", "group", ("a;b",)), "no cookie can have the value"),
            (Cohort("header", "X-Group", ("a\r\nb",)), "no header can have the value"),
            (Cohort("header", "X-Group; }", ("a",)), "letters, digits and hyphens only"),
            (Cohort("cookie", "my-group", ("a",)), "letters, digits and underscores only"),
        ],
    )
    async def test_what_cannot_be_is_refused(self, driver, cohort, error):
        with pytest.raises(PermanentError, match=error):
            await driver.set_weight(0, replace(call("a"), cohort=cohort))


class TestErrors:
    async def test_a_file_that_nginx_refuses_is_put_back_with_its_words(self, driver, proxy, tmp_path):
        await driver.set_weight(25, call("a"))
        before = proxy.file.read_text()
        with pytest.raises(TemporaryError, match=r'unknown "no_such" variable'):
            await proxy.driver(tmp_path, key="$no_such").set_weight(10, call("b"))
        assert proxy.file.read_text() == before
        assert await driver.read_weight() == 25

    async def test_a_command_that_is_not_there_is_told_at_probe(self, proxy, tmp_path):
        for option in ("check", "reload"):
            with pytest.raises(PermanentError, match="cannot run no-such-nginx"):
                await proxy.driver(tmp_path, **{option: ["no-such-nginx"]}).probe()

    async def test_a_reload_that_fails_is_told(self, proxy, tmp_path):
        failing = [sys.executable, "-c", "raise SystemExit('no rights')"]
        with pytest.raises(TemporaryError, match="no rights"):
            await proxy.driver(tmp_path, reload=failing).set_weight(10, call("a"))

    async def test_a_reload_that_reaches_nobody_is_told(self, proxy, tmp_path):
        nothing = [sys.executable, "-c", ""]
        with pytest.raises(TemporaryError, match=r"did not take over 11 % within 0\.2 s"):
            await proxy.driver(tmp_path, reload=nothing).set_weight(11, call("a", timeout_s=0.2))

    async def test_a_status_that_is_refused_is_told(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match="refuses access"):
            await proxy.driver(tmp_path, status=f"{proxy.url}/forbidden").probe()

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"hello"),
            (404, b"pilotage weight=1 cohort= mark=a"),
            (200, b"pilotage weight=10001 cohort= mark=a"),
            (200, b"pilotage weight=1 cohort=AAAA mark=a"),
        ],
    )
    async def test_a_status_that_is_none_is_told(self, proxy, tmp_path, status, body):
        with servers.http_server(body) as other:
            other.status = status
            with pytest.raises(PermanentError, match=r"does not answer the weight|did not write"):
                await proxy.driver(tmp_path, status=other.url).read_weight()

    async def test_a_file_that_is_not_its_own_stays(self, proxy, tmp_path):
        other = tmp_path / "own.conf"
        other.write_text("gzip on;\n")
        with pytest.raises(PermanentError, match="give Pilotage a file of its own"):
            await proxy.driver(tmp_path, file=other).set_weight(0, call("a"))
        assert other.read_text() == "gzip on;\n"

    async def test_a_file_that_nginx_does_not_include_is_told(self, proxy, tmp_path):
        (tmp_path / "pilotage.conf").write_text(FIRST)
        with pytest.raises(TemporaryError, match=r"Is .*pilotage.conf included"):
            await proxy.driver(tmp_path, file="pilotage.conf").set_weight(12, call("a", timeout_s=0.3))


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({"canary": "payment_stable"}, "not the same one"),
        ({"canary": ""}, "should match pattern"),
        ({"variable": "a b"}, "should match pattern"),
        ({"key": "request_id"}, "should match pattern"),
        ({"status": "ftp://x"}, "begins with http:// or https://"),
        ({"reload": []}, "not an empty one"),
        ({"reload": ["nginx", "{key}"]}, "no placeholder"),
    ],
)
def test_options_that_cannot_work_are_refused(proxy, others, error):
    with pytest.raises(ValueError, match=error):
        NginxTraffic.Options(**proxy.options(**others))
