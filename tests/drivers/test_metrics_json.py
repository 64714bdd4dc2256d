"""Any JSON over HTTP: where the numbers stand, and what goes wrong there."""

import asyncio
import math
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.json_http import JsonMetrics
from pilotage.drivers.metrics.pointing import Misfit, points, steps
from pilotage.testing import FaultsContract, MetricsContract
from tests.drivers.served import Served, serve

DOCUMENT = {
    "v2": {"requests": 120, "errors": "3", "latency": {"0.1": 90, "0.5": 118, "+Inf": 120}, "cpu": None},
    "rows": [
        {"version": "v1", "pod": "a", "le": 0.5, "count": 7, "ok": True},
        {"version": "v2", "pod": "b", "le": "+Inf", "count": 11, "ok": True},
        {"version": "v2", "pod": "c", "count": None, "ok": False},
    ],
    "a/b": {"m~n": 1.5},
}


def found(pointer, document=DOCUMENT):
    return [(dict(one.labels), one.value) for one in points(document, pointer)]


@pytest.mark.parametrize(
    ("pointer", "wanted"),
    [("/v2/requests", [({}, 120)]), ("/v2/errors", [({}, 3)]), ("/a~1b/m~0n", [({}, 1.5)]),
     ("/rows/0/count", [({"version": "v1", "pod": "a", "le": "0.5"}, 7)]), ("/rows/9/count", []),
     ("/v2/cpu", []), ("/v3/requests", []), ("/v2/cpu/deeper", []), ("/rows/99999999999999999999/count", []),
     ("/rows/version=v2/count", [({"version": "v2", "pod": "b", "le": "+Inf"}, 11)]),
     ("/rows/le=0.5/count", [({"version": "v1", "pod": "a", "le": "0.5"}, 7)]),
     ("/v2/latency/{le}", [({"le": "0.1"}, 90), ({"le": "0.5"}, 118), ({"le": "+Inf"}, 120)]),
     ("/{version}/requests", [({"version": "v2"}, 120)])],
)  # fmt: skip
def test_a_pointer_finds_numbers_with_the_texts_beside_them_as_labels(pointer, wanted):
    document = {"v2": DOCUMENT["v2"]} if pointer.startswith("/{") else DOCUMENT
    assert found(pointer, document) == wanted


def test_a_star_takes_every_element():
    assert [value for _, value in found("/rows/*/count")] == [7, 11]


@pytest.mark.parametrize(
    ("pointer", "said"),
    [("/v2", "an object where a number"), ("/rows", "a list where a number"), ("/v2/requests/x", "the number 120"),
     ("/rows/0/ok", "true where"), ("/rows/0/version", 'the text "v1"'), ("/rows/first", "a list at /rows"),
     ("/rows/{pod}", "needs an object")],
)  # fmt: skip
def test_what_is_no_number_is_told(pointer, said):
    with pytest.raises(Misfit, match=said):
        found(pointer)


def test_nan_is_passed_on_for_the_engine_to_tell_and_null_is_nothing():
    """As bad ones that are nothing count as 0, what is not known must not become nothing."""
    for value in (math.nan, "NaN"):
        ((labels, number),) = found("/x", {"x": value})
        assert labels == {}
        assert math.isnan(number)
    assert found("/x", {"x": None}) == []


@pytest.mark.parametrize("pointer", ["", "v2/requests", "/a~b", "/a~2"])
def test_a_pointer_that_is_none_is_refused(pointer):
    with pytest.raises(ValueError, match="a pointer"):
        steps(pointer)


@given(st.dictionaries(st.text(), st.integers(0, 10**9), max_size=5))
def test_any_name_can_be_pointed_at(document):
    for name, value in document.items():
        if name == "*" or (name.startswith("{") and name.endswith("}")):
            continue
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")
        assert found(pointer, document) == [({}, value)]


class Stats(Served):
    def answer(self, request):
        if request.path == "/stats":
            return 200, {}, DOCUMENT
        if request.path == "/by-version":
            return 200, {}, DOCUMENT[request.query["version"]]
        return 404, {}, {"message": "no such page"}


@pytest.fixture
def stats():
    with serve(Stats()) as served:
        yield served


def build(folder, **options):
    return JsonMetrics(JsonMetrics.Options.model_validate(options), Context(folder, folder))


class TestJson(MetricsContract):
    known, unknown = "/v2/requests", "/v9/requests"

    @pytest.fixture
    async def driver(self, stats, tmp_path):
        driver = build(tmp_path, url=f"{stats.url}/stats")
        yield driver
        await driver.close()

    async def test_selectors_with_addresses_are_asked_once_each(self, stats, tmp_path):
        driver = build(tmp_path, url=stats.url, probe="/stats")
        answers = await driver.read(
            [
                "/stats#/v2/requests",
                "/stats#/v2/errors",
                "/by-version?version=v2#/requests",
                "/stats#/rows/version=v2/count",
            ]
        )
        assert [[one.value for one in points] for points in answers] == [[120], [3], [120], [11]]
        assert sorted(stats.calls()) == ["GET /by-version", "GET /stats"]
        assert "KiB" in await driver.probe()

    async def test_who_asks_at_the_same_time_shares_one_answer(self, driver, stats):
        await asyncio.gather(driver.read([self.known]), driver.read(["/v2/errors"]))
        assert stats.calls() == ["GET /stats"]
        await driver.read([self.known])
        assert len(stats.calls()) == 2

    async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(self, driver, stats):
        impatient = asyncio.ensure_future(driver.read([self.known]))
        patient = asyncio.ensure_future(driver.read([self.known]))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient)[0][0].value == 120
        assert stats.calls() == ["GET /stats"]

    async def test_a_post_has_its_body_and_secrets_are_sent_and_never_shown(self, stats, tmp_path, monkeypatch):
        monkeypatch.setenv("T", "planted-secret")
        driver = build(
            tmp_path, url=f"{stats.url}/gone", method="POST", body={"range": 60}, token={"env": "T"},
            secret_headers={"X-Api-Key": {"env": "T"}}, headers={"X-Tenant": "shop"},
        )  # fmt: skip
        with pytest.raises(PermanentError, match="404") as caught:
            await driver.read([self.known])
        (sent,) = stats.requests
        assert (sent.method, sent.body) == ("POST", {"range": 60})
        assert sent.headers["authorization"] == "Bearer planted-secret"
        assert (sent.headers["x-api-key"], sent.headers["x-tenant"]) == ("planted-secret", "shop")
        assert "planted" not in f"{caught.value!r}"

    @pytest.mark.parametrize(
        "selector", ["v2/requests", "stats#/v2", "http://elsewhere/#/a", "//elsewhere#a", "/a b#/c", ""]
    )
    async def test_a_selector_that_is_none_says_how_one_looks(self, driver, stats, selector):
        with pytest.raises(PermanentError, match="bad selector"):
            await driver.read([selector])
        assert stats.calls() == []

    async def test_what_stands_there_instead_of_a_number_is_told(self, driver):
        with pytest.raises(PermanentError, match=r"no number at '/v2'.*an object where a number is expected"):
            await driver.read(["/v2"])

    @pytest.mark.parametrize(
        ("options", "said"),
        [({"url": "http://app:80/", "token": {"env": "T"}}, "https"), ({"url": "http://a", "body": {}}, "POST"),
         ({"url": "http://a", "headers": {"X Y": "z"}}, "names of headers"),
         ({"url": "http://a", "probe": "x"}, "below"),
         ({"url": "http://a", "headers": {"X": "a\nb"}}, "one line")],
    )  # fmt: skip
    def test_options_that_do_not_fit_are_refused(self, tmp_path, options, said):
        with pytest.raises(ValidationError, match=said):
            build(tmp_path, **options)

    def test_without_secrets_any_http_address_will_do(self, tmp_path):
        assert build(tmp_path, url="http://app.internal:9000/stats")

    async def test_a_failure_of_one_address_fails_the_read(self, stats, tmp_path):
        stats.instead = lambda request: (503, {}, {}) if request.path == "/by-version" else None
        with pytest.raises(TemporaryError, match="503"):
            await build(tmp_path, url=stats.url).read(["/stats#/v2/requests", "/by-version?version=v2#/requests"])


class Faults(FaultsContract):
    name, patience_s = "the JSON source", 1.5
    shapes = (b"[]", b"null", b'"x"', b"17")
    given: ClassVar = {"secret_headers": {"X-Api-Key": {"env": "TEST_TOKEN"}}}

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", self.secret)

    def at(self, url):
        return build(None, url=url, timeout_s=self.patience_s, **self.given)


class TestJsonFaults(Faults):
    async def act(self, driver):
        return await driver.read(["/requests/total"])


class TestJsonProbeFaults(Faults):
    shapes = (b"null",)
