"""A counter of bad ones without series: it may be born with the first error, unless it could never be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pilotage.core.model import RatioMetric
from pilotage.drivers import Context, Metrics, Past, Point
from pilotage.drivers.metrics.prometheus import PrometheusMetrics
from pilotage.drivers.metrics.scrape import ScrapeMetrics
from pilotage.engine.unborn import never_counts
from pilotage.importing.promql import bad_of
from pilotage.importing.promql import ratio as ratio_of
from tests import servers

TEXT = b"""# TYPE requests_total counter
requests_total{version="v1",status="200",pod="a"} 900
requests_total{version="v2",status="200",pod="b"} 100
requests_total{version="v9",code="200"} 7
tries_total{version="v1"} 50
npe_total{version="v2"} 3
"""
HERE = Context(Path("/"), Path("/"))


@pytest.fixture(scope="module")
def page() -> Iterator[servers.Page]:
    with servers.http_server(TEXT) as page:
        yield page


@pytest.fixture(scope="module", params=["page", "prometheus"])
def source(request: Any, page: servers.Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    if request.param == "page":
        yield ScrapeMetrics(ScrapeMetrics.Options(urls=[page.url]), HERE)
        return
    with servers.prometheus(tmp_path_factory.mktemp("prometheus"), page.url) as url:
        query = f"{url}/api/v1/query?query=requests_total"
        servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first scrape")
        yield PrometheusMetrics(PrometheusMetrics.Options(url=url), HERE)


def ratio(bad: str, total: str = 'requests_total{version="$group"}') -> RatioMetric:
    return RatioMetric("errors", "it", total, bad)


@pytest.mark.parametrize(
    "bad",
    [
        'requests_total{version="$group",status=~"5.."}',
        'requests_total{version="$group",status="500"}',
        'requests_total{version="$group",status=~"5..",code=~"(5..)?"}',
        'requests_total{version="$group",status!="200"}',
        'npe_total{version="$group"}',
    ],
)
async def test_what_the_first_error_may_bring_is_awaited(source: Metrics, bad: str) -> None:
    assert await never_counts(source, ratio(bad), "v1") == ""


async def test_a_label_that_the_version_has_not_is_told_with_those_it_has(source: Metrics) -> None:
    """Another version, or another service, may have it."""
    said = await never_counts(source, ratio('requests_total{version="$group",code=~"5.."}'), "v1")
    assert said.startswith('has no label code on requests_total{version="v1"}, which has instance')
    assert "pod, status, version; a misspelt error counter would always pass" in said


async def test_a_name_that_is_nowhere_is_told(source: Metrics) -> None:
    said = await never_counts(source, ratio('mpe_total{version="$group"}'), "v1")
    assert said == "has no series called mpe_total; a misspelt error counter would always pass"


async def test_the_vectors_of_an_expression_are_looked_at(page: servers.Page, tmp_path: Path) -> None:
    with servers.prometheus(tmp_path, page.url) as url:
        query = f"{url}/api/v1/query?query=requests_total"
        servers.wait_until(lambda: "v2" in servers.httpx.get(query, trust_env=False).text, "the first scrape")
        driver = PrometheusMetrics(PrometheusMetrics.Options(url=url), HERE)
        total = 'sum(requests_total{version="$group"})'
        good = 'sum(requests_total{version="$group",status=~"5.."})'
        assert await never_counts(driver, ratio(good, total), "v1") == ""
        asked = ratio_of(
            'sum(rate(requests_total{version="v9",code="201"}[5m])) / sum(rate(requests_total{version="v9"}[5m]))'
        )
        assert asked is not None
        (found,) = await driver.read([bad_of(asked, good_above=True)[1]])
        assert [one.value for one in found] == [7], "an imported success rate: nothing went well, all of it is bad"
        wrong = "sum (requests_total{version='$group', kode=~'5..'})"
        assert "has no label kode" in await never_counts(driver, ratio(wrong, total), "v1")


class Large:
    """A server with more series than an answer can hold: it gives numbers, and the series of one at most."""

    language = "promql"

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        assert all(one.startswith(("count(", "topk(1, ")) for one in selectors), selectors
        return [[Point({}, 90_000.0)] if "kode" not in one else [] for one in selectors]


async def test_a_large_server_is_asked_for_numbers_only() -> None:
    source: Any = Large()
    assert await never_counts(source, ratio('requests_total{version="$group",status=~"5.."}'), "v1") == ""
    assert "has no label kode" in await never_counts(source, ratio('requests_total{version="$group",kode="5"}'), "v1")


class Own:
    """A source with a language of its own that knows its past."""

    def __init__(self, past: Sequence[Point]) -> None:
        self._past = list(past)

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return [Past(0.0, [[]]), Past(1.0, [self._past])]


async def test_a_language_of_its_own_is_believed_for_what_it_has_counted() -> None:
    metric = ratio("sum:errors{version:$group}.as_count()")
    seen: Any = Own([Point({}, 3.0)])
    never: Any = Own([])
    assert await never_counts(seen, metric, "v1") == ""
    said = await never_counts(never, metric, "v1")
    assert said.startswith("has counted nothing in the last 30 minutes for sum:errors{version:v1}.as_count(); a ")
