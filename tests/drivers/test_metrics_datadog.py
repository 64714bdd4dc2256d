"""Datadog's timeseries, against their documented contract."""

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.datadog import DatadogMetrics
from pilotage.testing import ClockContract, DelaysContract, HistoryContract, MetricsContract
from tests.drivers.bucketing import START, Clock
from tests.drivers.datadog import Datadog
from tests.drivers.served import serve

REQUESTS = "sum:shop.requests{version:v2} by {pod_name}.as_count()"
KEYS = {"api_key": {"env": "DD_API"}, "app_key": {"env": "DD_APP"}}


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("DD_API", "the-api-key")
    monkeypatch.setenv("DD_APP", "the-app-key")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def datadog():
    service = Datadog(
        series={
            REQUESTS: [(["pod_name:a"], 5.0), (["pod_name:b"], 7.0)],
            "avg:system.cpu.user{version:v2} by {host}": [(["host:one"], 40.0)],
            "count(v: v<=0.1):shop.time{version:v2}.as_count()": [([], 3.0)],
            "count(v: v<=0.25):shop.time{version:v2}.as_count()": [([], 8.0)],
            "count:shop.time{version:v2}.as_count()": [([], 10.0)],
        }
    )
    with serve(service):
        yield service


def build(url, **options):
    return DatadogMetrics(DatadogMetrics.Options.model_validate({"api": url, **KEYS, **options}), Context(None, None))


def numbers(points, label):
    return {one.labels[label]: one.value for one in points}


class TestDatadog(MetricsContract, HistoryContract, DelaysContract):
    known = REQUESTS
    unknown = "sum:no.such.metric{*}.as_count()"

    @pytest.fixture
    async def driver(self, datadog):
        driver = build(datadog.url)
        yield driver
        await driver.close()

    async def test_counts_become_counters_by_instance(self, driver, datadog, clock):
        (first,) = await driver.read([REQUESTS])
        assert numbers(first, "pod") == {"a": 0, "b": 0}
        clock.now = START + 70
        (later,) = await driver.read([REQUESTS])
        # One bucket of seven has no value at all.
        assert numbers(later, "pod") == {"a": 30, "b": 42}

    async def test_what_is_no_count_is_its_last_value(self, driver, clock):
        (points,) = await driver.read(["avg:system.cpu.user{version:v2} by {host}"])
        assert numbers(points, "instance") == {"one": 40}

    async def test_thresholds_become_a_histogram(self, driver, clock):
        selector = "histogram(0.1, 0.25):shop.time{version:v2}"
        await driver.read([selector])
        clock.now = START + 70
        (points,) = await driver.read([selector])
        assert numbers(points, "le") == {"0.1": 18, "0.25": 48, "+Inf": 60}

    async def test_all_selectors_are_one_request(self, driver, datadog):
        await driver.read([REQUESTS, self.unknown, "histogram(0.1, 0.25):shop.time{version:v2}"])
        assert len(datadog.requests) == 1

    async def test_the_past_is_a_running_sum(self, driver, datadog, clock):
        past = await driver.read_past([REQUESTS], 1800, 60)
        values = [one.answers[0][0].value for one in past[1:]]
        assert len(past) == 30
        assert values == sorted(values)
        assert values[-1] > values[0] > 0
        assert len(datadog.requests) == 1

    async def test_a_query_that_datadog_does_not_understand_comes_with_its_words(self, driver):
        with pytest.raises(PermanentError, match="unable to parse"):
            await driver.read(["shop.requests{*}.as_count()"])

    async def test_refused_keys_are_named_and_not_shown(self, driver, monkeypatch):
        monkeypatch.setenv("DD_APP", "planted-secret")
        with pytest.raises(PermanentError, match="keys in DD_API and DD_APP") as caught:
            await driver.probe()
        assert "planted" not in str(caught.value)

    async def test_a_limit_says_when_and_is_not_asked_again_before(self, driver, datadog):
        datadog.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "31", "X-RateLimit-Limit": "100"}
        assert await driver.read([REQUESTS])
        with pytest.raises(TemporaryError, match=r"none is left for 3[01] s") as caught:
            await driver.read([REQUESTS])
        assert 29 < caught.value.after_s <= 31
        assert len(datadog.requests) == 1

    async def test_a_refusal_for_the_limit_waits_for_the_reset(self, driver, datadog):
        datadog.instead = lambda _: (429, {"X-RateLimit-Reset": "12"}, {"errors": ["Rate limit of 100 exceeded"]})
        with pytest.raises(TemporaryError, match="after 12 s") as caught:
            await driver.read([REQUESTS])
        assert caught.value.after_s == 12

    async def test_an_error_within_a_success_is_no_success(self, driver, datadog):
        datadog.instead = lambda _: (200, {}, {"errors": "query timed out"})
        with pytest.raises(TemporaryError, match="query timed out"):
            await driver.read([REQUESTS])

    @pytest.mark.parametrize(
        "selector",
        ["histogram():m{*}", "histogram(1, 0.5):m{*}", "histogram(a):m{*}", "histogram(1)", "histogram(0):m{*}",
         "histogram(inf):m{*}", f"histogram({', '.join(map(str, range(1, 40)))}):m{{*}}"],
    )  # fmt: skip
    async def test_a_histogram_that_is_none_is_told(self, driver, datadog, selector):
        with pytest.raises(PermanentError, match=r"expected histogram\(0.1, 0.25, 1\)"):
            await driver.read([selector])
        assert datadog.requests == []


def test_the_site_gives_the_address():
    assert build(None, site="us5.datadoghq.com")._service._api == "https://api.us5.datadoghq.com"
    with pytest.raises(ValidationError, match="site"):
        build(None, site="example.com")
    with pytest.raises(ValidationError, match="https"):
        build("http://proxy.internal")


class TestDatadogFaults(ClockContract):
    name, patience_s = "Datadog", 1.5

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("DD_API", self.secret)
        monkeypatch.setenv("DD_APP", self.secret)

    def at(self, url):
        return build(url, timeout_s=self.patience_s)

    async def act(self, driver):
        return await driver.read([REQUESTS])


class TestDatadogProbeFaults(TestDatadogFaults):
    async def act(self, driver):
        return await driver.probe()


class TestDatadogPastFaults(TestDatadogFaults):
    async def act(self, driver):
        return await driver.read_past([REQUESTS], 600, 60)
