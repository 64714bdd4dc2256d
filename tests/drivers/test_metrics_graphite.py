"""The render API of a real graphite-web on Whisper files."""

import time

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.metrics.graphite import GraphiteMetrics
from pilotage.testing import ClockContract, DelaysContract, FaultsContract, HistoryContract, MetricsContract
from tests import servers
from tests.drivers.bucketing import Clock

COUNTS = "counts shop.v2.requests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphite")


@pytest.fixture(scope="module")
def graphite(folder):
    with servers.graphite(folder) as url:
        now = int(time.time()) // 10 * 10
        servers.fill_graphite(
            folder,
            shop__v2__requests=[(now - back, 5) for back in range(10, 4000, 10)],
            shop__v2__a__total=[(now - 30, 100), (now - 20, 107)],
            shop__v2__b__total=[(now - 30, 50)],
            shop__v2__old__total=[(now - 900, 50)],
            shop__v2__below__1=[(now - 10, 3)],
            shop__v2__below__inf=[(now - 10, 4)],
        )
        yield url


def build(url, **options):
    return GraphiteMetrics(GraphiteMetrics.Options.model_validate({"url": url, **options}), Context(None, None))


class TestGraphite(MetricsContract, HistoryContract, DelaysContract):
    known = COUNTS

    @pytest.fixture
    async def driver(self, graphite):
        driver = build(graphite)
        yield driver
        await driver.close()

    async def test_counts_of_intervals_become_a_counter_and_late_ones_are_added(self, driver, folder, monkeypatch):
        clock = Clock(monkeypatch)
        clock.now = time.time() // 10 * 10 - 300
        assert [one.value for one in (await driver.read([COUNTS]))[0]] == [0]
        clock.now += 100
        assert [one.value for one in (await driver.read([COUNTS]))[0]] == [50]
        servers.fill_graphite(folder, shop__v2__requests=[(int(clock.now) - 40, 105)])
        clock.now += 10
        assert [one.value for one in (await driver.read([COUNTS]))[0]] == [155]

    async def test_raw_counters_and_gauges_are_read_as_they_are(self, driver):
        (points,) = await driver.read(["shop.v2.*.total"])
        assert {one.labels["__name__"]: one.value for one in points} == {"shop.v2.a.total": 107, "shop.v2.b.total": 50}

    async def test_a_series_name_may_spell_labels(self, driver):
        pods, buckets = await driver.read(
            [r"aliasSub(shop.v2.*.total, '^shop\.v2\.([^.]+).*', 'pod=\1')",
             r"aliasSub(shop.v2.below.*, '^.*\.([^.]+)$', 'pod=a,le=\1')"]
        )  # fmt: skip
        assert {one.labels["pod"]: one.value for one in pods} == {"a": 107, "b": 50}
        assert {one.labels["le"]: one.value for one in buckets} == {"1": 3, "inf": 4}
        assert {one.labels["pod"] for one in buckets} == {"a"}

    async def test_the_past_is_a_running_sum(self, driver):
        past = await driver.read_past([COUNTS, "shop.v2.a.total"], 1200, 60)
        assert len(past) == 20
        values = [one.answers[0][0].value for one in past[1:]]
        assert values[1] - values[0] == 30
        assert values == sorted(values)

    @pytest.mark.parametrize("selector", ["", "counts ", "a\nb"])
    async def test_a_target_that_is_none_is_told(self, driver, selector):
        with pytest.raises(PermanentError, match="bad selector"):
            await driver.read([selector])


async def test_secrets_are_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("T", "planted-secret")
    with servers.http_server() as fronted:
        fronted.status = 401
        for options in ({"token": {"env": "T"}}, {"username": "ann", "password": {"env": "T"}}):
            with pytest.raises(PermanentError, match="in T") as caught:
                await build(fronted.url, **options).read([COUNTS])
            assert "planted" not in str(caught.value)
        assert [headers["authorization"] for headers, _ in fronted.requests] == [
            "Bearer planted-secret", "Basic YW5uOnBsYW50ZWQtc2VjcmV0",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [({"url": "http://graphite", "token": {"env": "T"}}, "https"), ({"username": "ann"}, "username and password")],
)
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        build(**{"url": "http://127.0.0.1:1", **options})


class TestGraphiteFaults(ClockContract):
    name, patience_s = "Graphite", 1.5
    shapes = (*FaultsContract.shapes[1:], b'[{"target": "x"}]', b'[{"target": "x", "datapoints": [1]}]')

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("GRAPHITE", self.secret)

    def at(self, url):
        return build(url, token={"env": "GRAPHITE"}, timeout_s=self.patience_s)

    async def act(self, driver):
        return await driver.read([COUNTS])


class TestGraphiteProbeFaults(TestGraphiteFaults):
    shapes = FaultsContract.shapes

    async def act(self, driver):
        return await driver.probe()
