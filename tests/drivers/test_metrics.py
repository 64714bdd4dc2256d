import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.exposition import parse_selector, select
from pilotage.drivers.metrics.prometheus import PrometheusMetrics
from pilotage.drivers.metrics.scrape import ScrapeMetrics
from pilotage.testing import AgesContract, DelaysContract, HistoryContract, MetricsContract
from tests import servers

TEXT = rb"""# HELP hits_total Hits.
# TYPE hits_total counter
hits_total{version="v1",path="/a\"b\\c\n}"} 3 1700000000000
hits_total{version="v2",path="/"} 4.5e1
hits_total_other 9
odd NaN
big{le="+Inf"} +Inf
"""


def _read(selector, text=str(TEXT, "utf-8")):
    return select(text, [parse_selector(selector)])[0]


def test_escapes_timestamps_and_special_numbers_are_read():
    assert _read('hits_total{version="v1"}')[0].labels["path"] == '/a"b\\c\n}'
    assert _read("hits_total")[1].value == 45
    assert math.isnan(_read("odd")[0].value)
    assert _read("big")[0].value == math.inf


@pytest.mark.parametrize(
    ("selector", "count"),
    [('{a="b"}', None), ("x{", None), ('x{a=~"("}', None), ('hits_total{version=~"v.",version!="v1"}', 1),
     ('{__name__=~"hits_(total|other)",version="v1"}', 1), ('{__name__=~"hits_total.*"}', 3),
     ('{__name__="odd"}', None), ('{__name__=~"(?P<a>odd)"}', None), ('odd{__name__=~"odd"}', None),
     ('{__name__=~"hits"}', 0),
     ('hits_total{absent=""}', 2), ('hits_total{version!~"v1|v2"}', 0), ('hits_total{version=~"v"}', 0)],
)  # fmt: skip
def test_selectors_match_or_say_what_is_wrong(selector, count):
    if count is None:
        with pytest.raises(ValueError, match=r"expected|expression|named group"):
            _read(selector)
    else:
        assert len(_read(selector)) == count


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_label_value_survives(value):
    written = value.replace("\\", "\\\\").replace('"', '\\"')
    assert _read("m", f'm{{a="{written}"}} 1\n')[0].labels["a"] == value


@pytest.fixture
def page():
    with servers.http_server(TEXT) as running:
        yield running


class TestScrape(MetricsContract):
    known = "hits_total"

    @pytest.fixture
    async def driver(self, page, tmp_path):
        driver = ScrapeMetrics(ScrapeMetrics.Options(urls=[page.url]), Context(tmp_path, tmp_path))
        yield driver
        await driver.close()

    @pytest.mark.parametrize(("status", "error"), [(401, PermanentError), (503, TemporaryError)])
    async def test_a_refusal_is_permanent_and_a_failure_temporary(self, driver, page, status, error):
        page.status = status
        with pytest.raises(error):
            await driver.read(["x"])

    async def test_who_asks_at_the_same_time_shares_one_fetch(self, driver, page):
        both = await asyncio.gather(driver.read(["hits_total"]), driver.read(["odd"]))
        assert [len(one[0]) for one in both] == [2, 1]
        assert len(page.requests) == 1
        await driver.read(["odd"])
        assert len(page.requests) == 2

    async def test_the_token_is_sent_and_never_shown(self, page, tmp_path, monkeypatch):
        monkeypatch.setenv("T", "planted-secret")
        options = ScrapeMetrics.Options(urls=[page.url], token={"env": "T"})
        page.status = 403
        with pytest.raises(PermanentError) as caught:
            await ScrapeMetrics(options, Context(tmp_path, tmp_path)).read(["x"])
        assert page.requests[0][0]["authorization"] == "Bearer planted-secret"
        assert "planted" not in f"{caught.value!r}{options!r}"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    with servers.http_server(TEXT.replace(b" 1700000000000", b"")) as page:  # noqa: SIM117
        with servers.prometheus(tmp_path_factory.mktemp("prometheus"), page.url) as url:
            query = f"{url}/api/v1/query?query=hits_total"
            servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first scrape")
            yield url


class TestPrometheus(MetricsContract, HistoryContract, AgesContract, DelaysContract):
    known = 'hits_total{version="v2"}'

    @pytest.fixture
    async def driver(self, prometheus, tmp_path):
        driver = PrometheusMetrics(PrometheusMetrics.Options(url=prometheus), Context(tmp_path, tmp_path))
        yield driver
        await driver.close()

    async def test_a_bad_query_is_permanent_with_prometheus_own_words(self, driver):
        with pytest.raises(PermanentError, match="parse error"):
            await driver.read(["sum("])

    async def test_the_past_ends_just_before_now(self, driver, prometheus):
        query = {"query": "count_over_time(hits_total[1h]) > 3"}
        url = f"{prometheus}/api/v1/query"
        servers.wait_until(lambda: "v2" in servers.httpx.get(url, params=query, trust_env=False).text, "a few scrapes")
        past = await driver.read_past([self.known], seconds=1, step_s=0.25)
        assert len(past) == 4
        assert past[-1].answers[0][0].value == 45
