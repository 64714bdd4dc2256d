import asyncio
from dataclasses import replace

import httpx
import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers.traffic.traefik import TraefikTraffic
from pilotage.testing import MirrorsContract, SteersContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.proxies.traefik import FIRST, PASSWORD, traefik


@pytest.fixture(scope="module")
def upstreams():
    with servers.http_server(b"stable") as stable, servers.http_server(b"canary") as canary:
        yield stable, canary


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, upstreams):
    stable, canary = upstreams
    with traefik(tmp_path_factory.mktemp("traefik"), stable.url, canary.url) as running:
        yield running


@pytest.fixture
def driver(proxy, tmp_path):
    return proxy.driver(tmp_path)


async def seen(url, requests=200, **sent):
    async with httpx.AsyncClient(trust_env=False) as client:
        return [(await client.get(url, **sent)).text for _ in range(requests)]


class TestTraefik(TrafficContract, SteersContract, MirrorsContract, UnreachableContract):
    @pytest.fixture
    def unreachable(self, proxy, tmp_path):
        return proxy.driver(tmp_path, api=f"http://127.0.0.1:{servers.free_port()}")

    @pytest.mark.parametrize(("weight", "canary"), [(0, 0), (0.5, 1), (10, 20), (50, 100), (100, 200)])
    async def test_the_traffic_follows_the_weight_exactly_and_at_once(self, driver, proxy, weight, canary):
        await driver.set_weight(weight, call("a"))
        assert (await seen(proxy.url)).count("canary") == canary

    async def test_the_weight_survives_a_restart(self, driver, proxy):
        await driver.set_weight(25, call("a"))
        await asyncio.to_thread(proxy.restart)
        assert await driver.read_weight() == 25
        assert (await seen(proxy.url)).count("canary") == pytest.approx(50, abs=1)

    async def test_a_restart_is_no_reason_to_give_up(self, driver, proxy):
        await driver.set_weight(25, call("a"))
        restarting, refusals = asyncio.create_task(asyncio.to_thread(proxy.restart)), []
        while not restarting.done():
            for asked in (driver.set_weight(0, call("b")), driver.read_weight(), driver.probe()):
                try:
                    await asked
                except TemporaryError as error:
                    refusals.append(str(error))
        await restarting
        assert await driver.set_weight(0, call("b")) == 0
        assert refusals

    async def test_a_change_still_to_come_is_not_overlooked(self, driver, proxy):
        await driver.set_weight(0, call("a"))
        with pytest.raises(TemporaryError, match="did not take over 50 %"):
            await driver.set_weight(50, call("b", timeout_s=0))
        assert await driver.set_weight(0, call("c")) == 0
        for _ in range(25):
            assert "canary" not in await seen(proxy.url, 20)


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
        assert set(await seen(proxy.url, 5, headers={"Cookie": "agroup=beta"})) == {"stable"}

    @pytest.mark.parametrize("value", ['"x"; }', "$host`", "(a|.*)", "\\", "{{ env `HOME` }}", "é ü"])
    async def test_values_from_outside_are_matched_as_they_are(self, driver, proxy, value):
        await driver.set_weight(0, replace(call("a"), cohort=Cohort("header", "X-Group", (value,))))
        assert await seen(proxy.url, 1, headers={"X-Group": value.encode()}) == ["canary"]
        assert await seen(proxy.url, 1, headers={"X-Group": "a"}) == ["stable"]

    @pytest.mark.parametrize("value", ["a b", '"x"', "(a|.*)", "\\", "{{ env `HOME` }}"])
    async def test_and_so_are_cookies(self, driver, proxy, value):
        cohort = Cohort("cookie", "gr.up", (value,))
        await driver.set_weight(0, replace(call("a"), cohort=cohort))
        assert await driver.read_cohort() == cohort
        assert await seen(proxy.url, 1, headers={"Cookie": f"gr.up={value}"}) == ["canary"]
        assert await seen(proxy.url, 1, headers={"Cookie": f"grxup={value}"}) == ["stable"]
        assert await seen(proxy.url, 1, headers={"Cookie": "gr.up=a"}) == ["stable"]

    @pytest.mark.parametrize(
        ("cohort", "error"),
        [
            (Cohort("user", "plan", ("beta",)), "not by user"),
            (Cohort("cookie", "group", ("a;b",)), "no cookie can have the value"),
            (Cohort("header", "X-Group", ("a\r\nb",)), "no header can have the value"),
            (Cohort("header", "X Group", ("a",)), "expected a header's name"),
        ],
    )
    async def test_what_cannot_be_is_refused(self, driver, cohort, error):
        with pytest.raises(PermanentError, match=error):
            await driver.set_weight(0, replace(call("a"), cohort=cohort))

    async def test_without_a_router_of_its_own_there_are_no_cohorts(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match=r"router: \{rule"):
            await proxy.driver(tmp_path, router=None).set_weight(0, replace(call("a"), cohort=SteersContract.cohort))


async def test_copies_reach_the_canary_and_nobody_gets_their_answers(driver, proxy, upstreams):
    _, canary = upstreams
    await driver.set_weight(0, replace(call("a"), mirror=20))
    before = len(canary.requests)
    assert set(await seen(proxy.url, 100)) == {"stable"}
    await asyncio.to_thread(
        servers.wait_until, lambda: len(canary.requests) - before == 20, "20 copies of 100 requests"
    )


async def test_parts_of_a_percent_cannot_be_copied(driver):
    with pytest.raises(PermanentError, match=r"whole percents.*not 0\.5"):
        await driver.set_weight(0, replace(call("a"), mirror=0.5))


class TestErrors:
    async def test_refused_credentials_are_told_without_them(self, proxy, tmp_path, monkeypatch):
        driver = proxy.driver(tmp_path, api=proxy.guarded, username="pilotage", password={"env": "API_PASSWORD"})
        monkeypatch.setenv("API_PASSWORD", PASSWORD)
        assert "payment" in await driver.probe()
        monkeypatch.setenv("API_PASSWORD", "wrong-" + PASSWORD)
        with pytest.raises(PermanentError, match=r"refuses the password in API_PASSWORD \(401\)") as refused:
            await driver.probe()
        assert PASSWORD not in str(refused.value)

    async def test_a_service_that_is_not_there_is_told_with_the_remedy(self, proxy, tmp_path):
        with pytest.raises(TemporaryError, match=r"no service basket@file.*with the canary at 0"):
            await proxy.driver(tmp_path, service="basket", router=None).probe()

    async def test_and_so_is_an_api_that_has_none(self, proxy, tmp_path):
        with servers.http_server(b"404 page not found") as other:
            other.status = 404
            with pytest.raises(TemporaryError, match=r"no service payment@file.*is `api` right"):
                await proxy.driver(tmp_path, api=other.url).probe()

    async def test_a_service_of_another_make_is_not_read_as_a_weight(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match="does not share requests among"):
            await proxy.driver(tmp_path, canary="payment-other@file").read_weight()

    async def test_what_traefik_does_not_use_is_told_in_its_own_words(self, proxy, tmp_path):
        driver = proxy.driver(tmp_path, router={"rule": "PathPrefix(`/`) && Nonsense(`x`)"})
        with pytest.raises(PermanentError, match=r"does not use its router payment@file: .*Nonsense"):
            await driver.set_weight(0, call("a"))
        await proxy.driver(tmp_path).set_weight(0, call("b"))

    @pytest.mark.parametrize(
        ("status", "body", "error"),
        [
            (200, b"<html>", "not the JSON expected"),
            (200, b"[]", "not the JSON expected"),
            (200, b'{"status": "enabled", "weighted": {"services": [{"name": 1}]}}', "does not share requests"),
            (403, b"", "refuses access"),
        ],
    )
    async def test_what_is_not_traefiks_answer_is_refused(self, proxy, tmp_path, status, body, error):
        with servers.http_server(body) as other:
            other.status = status
            with pytest.raises(PermanentError, match=error):
                await proxy.driver(tmp_path, api=other.url, router=None).probe()

    async def test_a_file_that_is_not_its_own_stays(self, proxy, tmp_path):
        other = tmp_path / "own.yml"
        other.write_text("http: {}\n")
        with pytest.raises(PermanentError, match="give Pilotage a file of its own"):
            await proxy.driver(tmp_path, file=other).set_weight(0, call("a"))
        assert other.read_text() == "http: {}\n"

    async def test_a_folder_that_is_not_there_is_told_at_probe(self, proxy, tmp_path):
        with pytest.raises(PermanentError, match="its folder does not exist"):
            await proxy.driver(tmp_path, file="nowhere/pilotage.yml").probe()

    async def test_a_folder_that_cannot_be_written_is_told_at_probe(self, proxy, tmp_path, monkeypatch):
        monkeypatch.setattr("os.access", lambda *_: False)  # the tests may run as root, whom nothing stops
        with pytest.raises(PermanentError, match="not writable"):
            await proxy.driver(tmp_path).probe()

    async def test_a_file_that_traefik_does_not_read_is_told(self, proxy, tmp_path):
        (tmp_path / "pilotage.yml").write_text(FIRST)
        with pytest.raises(TemporaryError, match=r"did not take over 10 % within 0\.3 s"):
            await proxy.driver(tmp_path, file="pilotage.yml").set_weight(10, call("a", timeout_s=0.3))


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({"canary": "payment-stable"}, "two of them are the same"),
        ({"canary": "payment@file"}, "two of them are the same"),
        ({"canary": ""}, "should match pattern"),
        ({"file": "pilotage.json"}, "ends with .yml"),
        ({"router": {"rule": "Host(`{{ env `HOME` }}`)"}}, "no {{ in it"),
        ({"username": "pilotage"}, "username and password"),
        ({"service": "pay/ment"}, "should match pattern"),
    ],
)
def test_options_that_cannot_work_are_refused(proxy, others, error):
    with pytest.raises(ValueError, match=error):
        TraefikTraffic.Options(**proxy.options(**others))
