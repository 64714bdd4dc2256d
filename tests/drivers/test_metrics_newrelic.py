"""NRQL through NerdGraph, against its documented contract."""

import json

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.newrelic import NewrelicMetrics
from pilotage.testing import ClockContract, DelaysContract, FaultsContract, HistoryContract, MetricsContract
from tests.drivers.bucketing import START, Clock
from tests.drivers.newrelic import NerdGraph
from tests.drivers.served import serve

COUNTS = "SELECT count(*) FROM Transaction WHERE version = 'v2' FACET host"
CPU = "SELECT average(cpuPercent) FROM ProcessSample WHERE version = 'v2'"
SLOWEST = "SELECT percentile(duration, 95) FROM Transaction"
BUCKETS = (
    "FROM Transaction SELECT filter(count(*), WHERE duration <= 0.1) AS '0.1', "
    "filter(count(*), WHERE duration <= 0.5) AS '0.5', count(*) AS '+Inf' WHERE version = 'v2'"
)
NOTHING = "SELECT count(*) FROM Transaction WHERE version = 'v9'"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("NR", "the-user-key")


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch, "newrelic")


@pytest.fixture
def nerdgraph():
    service = NerdGraph(
        each={
            COUNTS: [("a", {"count": 5}), ("b", {"count": 7})],
            CPU: [(None, {"average.cpuPercent": 40.0})],
            SLOWEST: [(None, {"percentile.duration": {"95": 0.25}})],
            BUCKETS: [(None, {"0.1": 0, "0.5": 8, "+Inf": 10})],
        },
        facets={COUNTS: ["host"]},
    )
    with serve(service):
        yield service


def build(url, **options):
    given = {"api": url, "account": 1234567, "api_key": {"env": "NR"}, **options}
    return NewrelicMetrics(NewrelicMetrics.Options.model_validate(given), Context(None, None))


def numbers(points, label):
    return {one.labels.get(label): one.value for one in points}


class TestNewrelic(MetricsContract, HistoryContract, DelaysContract):
    known, unknown = COUNTS, NOTHING

    @pytest.fixture
    async def driver(self, nerdgraph):
        driver = build(nerdgraph.url)
        yield driver
        await driver.close()

    async def test_counts_become_counters_by_instance(self, driver, clock):
        (first,) = await driver.read([COUNTS])
        assert numbers(first, "instance") == {"a": 0, "b": 0}
        clock.now = START + 60
        (later,) = await driver.read([COUNTS])
        assert numbers(later, "instance") == {"a": 30, "b": 42}

    async def test_several_columns_are_a_histogram(self, driver, clock):
        await driver.read([BUCKETS])
        clock.now = START + 60
        (points,) = await driver.read([BUCKETS])
        assert numbers(points, "le") == {"0.1": 0, "0.5": 48, "+Inf": 60}

    async def test_levels_are_their_last_value(self, driver, clock):
        cpu, slowest = await driver.read([CPU, SLOWEST])
        assert [one.value for one in cpu + slowest] == [40, 0.25]

    async def test_zeros_where_nothing_ever_was_are_missing(self, driver, clock):
        assert await driver.read([NOTHING]) == [[]]
        clock.now = START + 60
        assert await driver.read([NOTHING]) == [[]]

    async def test_the_end_asked_for_does_not_lie_ahead(self, driver, nerdgraph, clock):
        nerdgraph.now = clock.now = START + 7
        await driver.read([COUNTS, CPU])

    async def test_a_long_gap_is_asked_for_in_pieces(self, driver, nerdgraph, clock):
        await driver.read([COUNTS])
        clock.now = START + 3500
        (points,) = await driver.read([COUNTS])
        assert numbers(points, "instance") == {"a": 1750, "b": 2450}
        assert len(nerdgraph.requests) == 2
        assert len(nerdgraph.requests[1].body["variables"]) == 3

    async def test_what_a_selector_holds_is_never_part_of_the_graphql(self, driver, nerdgraph):
        odd = "SELECT count(*) FROM Transaction WHERE name = '\") { x } LIMIT SINCE $q0'"
        assert await driver.read([odd]) == [[]]
        sent = nerdgraph.requests[-1].body
        assert "name =" not in sent["query"]
        assert sent["variables"]["q0"].startswith(odd)

    async def test_the_past_is_a_running_sum(self, driver, nerdgraph, clock):
        past = await driver.read_past([COUNTS, CPU], 1800, 60)
        assert len(past) == 30
        assert [numbers(one.answers[0], "instance")["a"] for one in past[1:]] == [30 * step for step in range(1, 30)]
        assert {one.answers[1][0].value for one in past[1:]} == {40}
        assert len(nerdgraph.requests) == 1

    async def test_buckets_that_begin_at_other_times_are_not_counted(self, driver, nerdgraph):
        nerdgraph.ahead_s = 3.0
        with pytest.raises(PermanentError, match="clock right"):
            await driver.read([COUNTS])

    @pytest.mark.parametrize(
        ("selector", "said"),
        [(f"{NOTHING} SINCE 1 hour ago", "SINCE is written by Pilotage"), (f"{COUNTS} LIMIT 5", "LIMIT is"),
         (f"{NOTHING} timeseries", "TIMESERIES is"), ("count(*)", "expected SELECT"), ("", "expected SELECT")],
    )  # fmt: skip
    async def test_the_times_are_pilotages_to_write(self, driver, nerdgraph, selector, said):
        with pytest.raises(PermanentError, match=said):
            await driver.read([selector])
        assert nerdgraph.requests == []

    async def test_a_refused_query_comes_with_new_relics_words(self, driver):
        with pytest.raises(PermanentError, match=r"NRQL Syntax Error.*\(INVALID_INPUT\)"):
            await driver.read(["SELECT SELEKT FROM Transaction"])

    async def test_another_account_is_told(self, nerdgraph):
        with pytest.raises(PermanentError, match=r"Account not found. Is the account 7 right"):
            await build(nerdgraph.url, account=7).probe()

    @pytest.mark.parametrize("error", ["NRDB_TIMEOUT", "TOO_MANY_REQUESTS", "SERVER_ERROR"])
    async def test_what_may_pass_may_be_asked_again(self, driver, nerdgraph, error):
        body = {"errors": [{"message": "sorry", "extensions": {"errorClass": error}}]}
        nerdgraph.instead = lambda _: (200, {}, body)
        with pytest.raises(TemporaryError, match=error):
            await driver.read([COUNTS])

    async def test_a_refused_key_is_named_and_not_shown(self, driver, monkeypatch):
        monkeypatch.setenv("NR", "planted-secret")
        with pytest.raises(PermanentError, match="token in NR") as caught:
            await driver.probe()
        assert "planted" not in str(caught.value)

    @pytest.mark.parametrize("value", ["text", [1, 2], {"a": 1, "b": 2}, True])
    async def test_what_is_no_number_is_not_believed(self, driver, nerdgraph, value):
        row = {"beginTimeSeconds": START, "endTimeSeconds": START + 10, "x": value}
        results = {"results": [row], "metadata": {"facets": None}}
        nerdgraph.instead = lambda _: (200, {}, {"data": {"actor": {"account": {"q0": results}}}})
        with pytest.raises(PermanentError, match="no numbers by time"):
            await driver.read([CPU])


def test_the_region_gives_the_address():
    assert build(None, region="eu")._service._api == "https://api.eu.newrelic.com"
    with pytest.raises(ValidationError, match="account"):
        build(None, account=0)


class TestNewrelicFaults(ClockContract):
    name, patience_s = "New Relic", 1.5
    shapes = (*FaultsContract.shapes, json.dumps({"data": {"actor": {"account": {"q0": {"results": 5}}}}}).encode())

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("NR", self.secret)

    def at(self, url):
        return build(url, timeout_s=self.patience_s)

    async def act(self, driver):
        return await driver.read([COUNTS])


class TestNewrelicProbeFaults(TestNewrelicFaults):
    shapes = FaultsContract.shapes

    async def act(self, driver):
        return await driver.probe()
