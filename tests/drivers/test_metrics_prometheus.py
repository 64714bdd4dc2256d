"""The prometheus driver in depth: real servers for what they do, documented answers for what they seldom do."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.histograms import quantile
from pilotage.core.model import DriverRef, LatencyMetric, Measures, RatioMetric
from pilotage.drivers import Context
from pilotage.drivers.metrics import prometheus as prometheus_driver
from pilotage.drivers.metrics.histograms import GRID, points
from pilotage.drivers.metrics.prometheus import PrometheusMetrics
from pilotage.engine import measure
from pilotage.testing import (
    AgesContract,
    DelaysContract,
    FaultsContract,
    HistoryContract,
    MetricsContract,
    PacesContract,
)
from pilotage.testing.faults import Faulty, faulty
from tests import servers
from tests.drivers import protopage

TEXT = b"""# TYPE hits_total counter
hits_total{version="v1"} 3
hits_total{version="v2"} 45
odd NaN
endless +Inf
"""
RULE = {"record": "version:hits:sum", "expr": "sum by (version) (hits_total)"}
HERE = Context(Path("/"), Path("/"))


def at(url: str, **options: Any) -> PrometheusMetrics:
    return PrometheusMetrics(PrometheusMetrics.Options.model_validate({"url": url, **options}), HERE)


async def value(driver: PrometheusMetrics, selector: str) -> list[float]:
    ((*found,),) = await driver.read([selector])
    return [one.value for one in found]


# ------------------------------------------------------------------ a real VictoriaMetrics, a real Prometheus


@pytest.fixture(scope="module")
def page() -> Iterator[servers.Page]:
    with servers.http_server(TEXT) as running:
        yield running


@pytest.fixture(scope="module")
def victoria(page: servers.Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.victoria_metrics(tmp_path_factory.mktemp("victoria"), page.url) as url:
        query = f"{url}/api/v1/query?query=hits_total"
        servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first scrape")
        yield url


class TestPrometheusOnVictoriaMetrics(MetricsContract, HistoryContract, AgesContract, PacesContract, DelaysContract):
    known = 'hits_total{version="v2"}'

    @pytest.fixture
    def driver(self, victoria: str) -> PrometheusMetrics:
        return at(victoria)

    async def test_a_bad_query_is_permanent_with_its_own_words(self, driver: PrometheusMetrics) -> None:
        with pytest.raises(PermanentError, match=r"refuses the query 'sum\(' \(422\).*sum"):
            await driver.read(["sum("])

    async def test_it_says_what_prometheus_says(self, driver: PrometheusMetrics) -> None:
        assert await value(driver, "sum(hits_total)") == [48]
        assert await value(driver, "endless") == [math.inf]

    async def test_the_past_is_there(self, driver: PrometheusMetrics) -> None:
        deadline = time.monotonic() + 20
        while not (past := await driver.read_past([self.known], seconds=2, step_s=1))[-1].answers[0]:
            assert time.monotonic() < deadline
        assert past[-1].answers[0][0].value == 45

    async def test_how_old_its_numbers_are(self, driver: PrometheusMetrics) -> None:
        (age, expression, nothing) = await driver.ages([self.known, "sum(hits_total)", "no_such_thing"])
        assert age is not None
        assert age < 5
        assert (expression, nothing) == (None, None)


@pytest.fixture(scope="module")
def prometheus(page: servers.Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    rules = [
        {"name": "often", "interval": "200ms", "rules": [RULE]},
        {"name": "seldom", "interval": "1h", "rules": [{**RULE, "record": "seldom:hits:sum"}]},
    ]
    with servers.prometheus(tmp_path_factory.mktemp("prometheus"), page.url, rules=rules) as url:
        query = f"{url}/api/v1/query?query=version:hits:sum"
        servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first evaluation")
        yield url


async def test_a_recording_rule_is_a_series_like_any_other(prometheus: str) -> None:
    driver = at(prometheus)
    (found,) = await driver.read(['version:hits:sum{version="v2"}'])
    assert [(one.labels["__name__"], one.value) for one in found] == [("version:hits:sum", 45)]
    (age,) = await driver.ages(["version:hits:sum"])
    assert age is not None
    assert 0 <= age < 5


async def test_how_often_samples_come_is_counted(prometheus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of series that were there all the time; what is too young, or nowhere, tells nothing."""
    driver = at(prometheus)
    assert await driver.paces(['hits_total{version="v1"}']) == [None]
    monkeypatch.setattr(prometheus_driver, "PACE_S", 2)
    for _ in range(100):
        if await driver.paces(["hits_total"]) != [None]:
            break
        await asyncio.sleep(0.05)
    selectors = ['hits_total{version="v1"}', 'sum by (version) (hits_total{version="v2"})', "nothing_total", "1 + 1"]
    plain, within, nowhere, none = await driver.paces(selectors)
    assert plain == pytest.approx(0.2, rel=0.3)
    assert within == pytest.approx(0.2, rel=0.3)
    assert (nowhere, none) == (None, None)


async def test_what_is_no_number_is_passed_on_for_the_engine_to_tell(prometheus: str) -> None:
    driver = at(prometheus)
    assert math.isnan((await value(driver, "odd"))[0])
    assert await value(driver, "endless") == [math.inf]
    of = Measures({"it": DriverRef("prometheus", {})}, "v2", "v1", RatioMetric("errors", "it", "odd", "odd"))
    reading = await measure.read(of, {"it": driver}, 10)
    assert reading.canary
    assert math.isnan(reading.canary.requests)


async def test_an_age_is_of_the_newest_sample(prometheus: str) -> None:
    """The server's clock is its own: what was asked for at its present is as old as it says."""
    driver = at(prometheus)
    (age,) = await driver.ages(["hits_total"])
    assert age is not None
    assert age < 5


# ------------------------------------------------------------------ native histograms

FAST = dict.fromkeys(range(-26, -18), 10)
"""Schema 3: 80 observations from about .1 to .2 s."""
SLOW = dict.fromkeys(range(-2, 6), 10)
"""80 from about .8 to 1.5 s."""


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[servers.Page, str]]:
    """A real Prometheus with the feature, which scrapes two versions of two instances."""
    series = [("v1", "a", 3, FAST), ("v1", "b", 1, {-6: 40, -5: 40}), ("v2", "a", 3, SLOW), ("v2", "b", 3, SLOW)]
    body = b"".join(
        protopage.histogram("took_seconds", {"version": version, "pod": pod}, schema, buckets, {0: 2}, 3)
        for version, pod, schema, buckets in series
    )
    folder = tmp_path_factory.mktemp("native")
    with (
        servers.http_server(body, {"content-type": protopage.CONTENT_TYPE}) as page,
        servers.prometheus(folder, page.url, more=["--enable-feature=native-histograms"]) as url,
    ):
        query = f"{url}/api/v1/query?query=took_seconds"
        servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first scrape")
        yield page, url


async def test_a_native_histogram_is_cumulative_at_fixed_bounds(native: tuple[servers.Page, str]) -> None:
    (found,) = await at(native[1]).read(['took_seconds{version="v1",pod="a"}'])
    assert [one.labels["le"] for one in found] == [*(f"{bound:g}" for bound in GRID), "+Inf"]
    values = [one.value for one in found]
    assert values == sorted(values)
    assert values[-1] == 85
    below = {one.labels["le"]: one.value for one in found}
    assert below["0.0001"] == 5  # what is below 0, and the zero bucket
    left, right = 2 ** (-27 / 8), 2 ** (-26 / 8)
    assert below["0.1"] == pytest.approx(5 + 10 * (0.1 - left) / (right - left))
    assert below["0.25"] == 85
    assert {one.labels["pod"] for one in found} == {"a"}


async def test_histograms_of_several_schemas_add_up_in_the_engine(native: tuple[servers.Page, str]) -> None:
    latency = LatencyMetric("latency", "it", 'took_seconds{version="$group"}')
    total = 'histogram_count(took_seconds{version="$group"})'
    errors = RatioMetric("errors", "it", total, 'no_such_total{version="$group"}')
    of = Measures({"it": DriverRef("prometheus", {})}, "v2", "v1", errors, latency)
    driver = at(native[1])
    reading = await measure.read(of, {"it": driver}, 10)
    assert reading.canary
    assert reading.control
    assert reading.canary.latency
    assert reading.control.latency
    assert reading.canary.latency.bounds == reading.control.latency.bounds
    assert sum(reading.control.latency.counts) == reading.control.requests == 170
    assert 1.2 < (quantile(reading.canary.latency, 0.95) or 0) < 1.6
    assert 0.15 < (quantile(reading.control.latency, 0.95) or 0) < 0.26
    deadline = time.monotonic() + 20
    while not (rows := (await driver.read_past(["took_seconds"], 1, 0.25))[-1].answers[0]):
        assert time.monotonic() < deadline
    assert len(rows) == 4 * (len(GRID) + 1)


def histogram(*buckets: tuple[int, str, str, str], count: str | None = None) -> dict[str, Any]:
    total = count if count is not None else str(sum(float(one[3]) for one in buckets))
    return {"count": total, "sum": "1", "buckets": [list(one) for one in buckets]}


def below(found: dict[str, Any]) -> dict[str, float]:
    return {one.labels["le"]: one.value for one in points({"__name__": "x"}, found)}


def test_custom_buckets_keep_the_usual_bounds() -> None:
    """Schema -53: the lowest begins at minus infinity, the highest ends at infinity."""
    found = below(
        histogram((0, "-Inf", "0.005", "4"), (0, "0.1", "0.25", "6"), (0, "2.5", "+Inf", "1")),
    )
    assert [found[bound] for bound in ("0.005", "0.1", "0.25", "2.5", "100000", "+Inf")] == [4, 4, 10, 10, 10, 11]
    assert found["0.002"] == pytest.approx(4 * 0.4)
    assert found["0.15"] == pytest.approx(4 + 2)


def test_an_empty_histogram_is_all_zero() -> None:
    assert set(below({"count": "0", "sum": "0"}).values()) == {0.0}


def test_what_was_no_number_counts_in_the_whole_only() -> None:
    found = below(histogram((0, "0.5", "1", "3"), count="5"))
    assert (found["1"], found["100000"], found["+Inf"]) == (3, 3, 5)


def test_negative_and_zero_buckets_are_below_every_bound() -> None:
    found = below(histogram((1, "-2", "-1", "3"), (3, "-0.001", "0.001", "2"), (0, "1", "2", "5")))
    assert (found["0.001"], found["1"], found["2"]) == (5, 5, 10)
    assert found["0.0001"] == pytest.approx(3 + 2 * 0.55)


@pytest.mark.parametrize(
    "broken",
    [histogram((0, "1", "0.5", "3")), histogram((0, "0", "1", "-3"), count="3"), {"buckets": []}, histogram(count="x")],
)
def test_a_broken_histogram_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        below(broken)


# ------------------------------------------------------------------ what is not used


def vector(*rows: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": list(rows)}, **more}).encode()


def row(number: str, **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": "x", **labels}, "value": [time.time(), number]}


@pytest.fixture
def server() -> Iterator[Faulty]:
    with faulty() as running:
        yield running


async def test_a_partial_answer_is_told_and_not_used(server: Faulty) -> None:
    server.body = vector(row("3"), isPartial=True)
    with pytest.raises(TemporaryError, match="partial: some storage nodes"):
        await at(server.url).read(["x"])
    assert await value(at(server.url, partial=True), "x") == [3]
    server.body = vector(row("3"), isPartial=False)
    assert await value(at(server.url), "x") == [3]


async def test_a_warning_of_missing_data_is_told_and_not_used(server: Faulty) -> None:
    server.body = vector(row("3"), warnings=["No StoreAPIs matched for this query", "fetch series: EOF"])
    with pytest.raises(TemporaryError, match=r"No StoreAPIs matched.*fetch series"):
        await at(server.url).read(["x"])
    assert await value(at(server.url, partial=True), "x") == [3]


async def test_a_warning_of_the_query_is_final_and_a_note_is_none(server: Faulty) -> None:
    server.body = vector(row("3"), warnings=["PromQL warning: encountered a mix of histograms and floats"])
    with pytest.raises(PermanentError, match="a mix of histograms and floats"):
        await at(server.url).read(["x"])
    server.body = vector(row("3"), warnings=["PromQL info: metric might not be a counter"], infos=["PromQL info: y"])
    assert await value(at(server.url), "x") == [3]


async def test_a_series_that_comes_twice_would_count_twice(server: Faulty) -> None:
    server.body = vector(row("3", pod="a"), row("4", pod="a"))
    with pytest.raises(PermanentError, match=r"the same series twice.*'pod': 'a'"):
        await at(server.url).read(["x"])
    server.body = vector(row("3", pod="a", prometheus_replica="0"), row("3", pod="a", prometheus_replica="1"))
    with pytest.raises(PermanentError, match="prometheus_replica"):
        await at(server.url).read(["x"])
    server.body = vector(row("3", pod="a", prometheus_replica="0"), row("3", pod="b", prometheus_replica="0"))
    assert await value(at(server.url), "x") == [3, 3]


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (422, "found duplicate series for the match group", PermanentError),
        (422, "expanding series: rpc error: code = Unavailable", TemporaryError),
        (400, "parse error: unexpected end of input", PermanentError),
        (503, "query timed out in expression evaluation", TemporaryError),
        (500, "chunk is corrupt", TemporaryError),
    ],
)
async def test_its_own_words_are_told(server: Faulty, status: int, words: str, kind: type[Exception]) -> None:
    server.status, server.body = status, json.dumps({"status": "error", "errorType": "x", "error": words}).encode()
    with pytest.raises(kind, match=words) as caught:
        await at(server.url).read(["x"])
    assert type(caught.value) is kind


async def test_a_tenant_that_is_missing_is_named(server: Faulty) -> None:
    server.status, server.body, server.headers = 401, b"no org id\n", {"Content-Type": "text/plain"}
    with pytest.raises(PermanentError, match=r"headers: \{X-Scope-OrgID"):
        await at(server.url).read(["x"])


async def test_a_path_that_is_another_is_told(server: Faulty) -> None:
    server.status, server.body = 404, b"404 page not found"
    with pytest.raises(PermanentError, match="without /api/v1"):
        await at(server.url).probe()
    assert at(f"{server.url}/api/v1/")._options.url == server.url


class TestPrometheusFaults(FaultsContract):
    name = "Prometheus"
    patience_s = 2.0

    @pytest.fixture(autouse=True)
    def token(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PILOTAGE_TEST_TOKEN", self.secret)

    def at(self, url: str) -> PrometheusMetrics:
        return at(url, timeout_s=self.patience_s, token={"env": "PILOTAGE_TEST_TOKEN"})


class TestPrometheusFaultsOfThePast(TestPrometheusFaults):
    async def act(self, driver: PrometheusMetrics) -> Any:
        return await driver.read_past(["x"], 600, 60)


# ------------------------------------------------------------------ who is asked, and how


async def test_headers_a_tenant_and_secrets_are_sent_and_secrets_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY", "planted-key")
    monkeypatch.setenv("PASSWORD", "planted-password")
    pair = base64.b64encode(b"ann:planted-password").decode()
    with servers.http_server(vector(row("3"))) as page:
        options = {
            "headers": {"X-Scope-OrgID": "shop", "X-Key": {"env": "KEY"}},
            "username": "ann",
            "password": {"env": "PASSWORD"},
        }
        assert await value(at(page.url, **options), "x") == [3]
        sent = page.requests[0][0]
        assert (sent["x-scope-orgid"], sent["x-key"], sent["authorization"]) == ("shop", "planted-key", f"Basic {pair}")
        page.status, page.body = 422, json.dumps({"error": f"planted-key planted-password {pair}"}).encode()
        with pytest.raises(PermanentError) as caught:
            await at(page.url, **options).read(["x"])
    assert "planted" not in str(caught.value)
    assert pair not in str(caught.value)
    assert str(caught.value).count("(hidden)") == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"username": "ann"}, "token, or username and password, or nothing"),
        ({"password": {"env": "P"}}, "token, or username and password, or nothing"),
        (
            {"username": "a", "password": {"env": "P"}, "token": {"env": "T"}},
            "token, or username and password, or nothing",
        ),
        ({"headers": {"a b": "c"}}, "names of headers"),
        ({"url": "http://ann:secret@host"}, "without a password"),
        ({"url": "ftp://host"}, "an http:// or https:// address"),
        ({"url": "http://"}, "an http:// or https:// address"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        PrometheusMetrics.Options.model_validate({"url": "http://host", **options})


async def test_an_authority_of_ones_own_is_trusted(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with faulty(context) as server:
        server.body = vector(row("3"))
        options = PrometheusMetrics.Options(url=server.url, ca_file="ca.pem")
        driver = PrometheusMetrics(options, Context(tmp_path, tmp_path))
        assert await value(driver, "x") == [3]
        with pytest.raises(PermanentError, match="certificate"):
            await at(server.url).read(["x"])
    (tmp_path / "ca.pem").write_text("no certificate")
    broken = PrometheusMetrics.Options(url="https://127.0.0.1:1", ca_file=str(tmp_path / "ca.pem"))
    for options in (broken, broken.model_copy(update={"ca_file": str(tmp_path / "nothing.pem")})):
        with pytest.raises(PermanentError, match=r"the certificates in .* cannot be used"):
            await PrometheusMetrics(options, Context(tmp_path, tmp_path / "other")).read(["y"])


async def test_a_clock_that_is_another_changes_nothing_and_is_told(server: Faulty) -> None:
    theirs = time.time() - 600
    server.body = json.dumps(
        {"status": "success", "data": {"resultType": "scalar", "result": [theirs, str(theirs)]}}
    ).encode()
    assert "its clock is 600 s behind ours" in await at(server.url).probe()
    answers = {"query": server.body}

    class Both(PrometheusMetrics):
        asked: list[dict[str, str]]

        async def _ask(self, what: str, form: Any) -> Any:
            server.body = (
                answers.get(what)
                or json.dumps(
                    {
                        "status": "success",
                        "data": {
                            "resultType": "matrix",
                            "result": [{"metric": {"__name__": "x"}, "values": [[float(form["end"]), "7"]]}],
                        },
                    }
                ).encode()
            )
            if what == "query_range":
                assert float(form["end"]) == pytest.approx(theirs - 1, abs=0.01)
            return await super()._ask(what, form)

    past = await Both(PrometheusMetrics.Options(url=server.url), HERE).read_past(["x"], 3, 1)
    assert [len(one.answers[0]) for one in past] == [0, 0, 1]
    assert past[-1].at == pytest.approx(time.time() - 1, abs=2)
