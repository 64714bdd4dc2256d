"""What drivers with series of (instant, value) share: levels, counters and histograms, now and in the past."""

import math

import pytest

from pilotage.drivers.metrics.bucketed import FRESH_S, Bucketed, BucketOptions, Wanted
from tests.drivers.bucketing import START, Clock

COUNT, LEVEL = Wanted.one("count", True), Wanted.one("level", False)
HISTOGRAM = Wanted((("below 1", "1"), ("below 2", "2"), ("all", "+Inf")), True)


class Source:
    def __init__(self, **rows):
        self.rows = rows
        self.asked = []

    async def ask(self, queries, span):
        self.asked.append((list(queries), span))
        return {
            query: [
                (labels, [one for one in values if span.start <= one[0] < span.until])
                for labels, values in self.rows.get(query.replace(" ", "_"), [])
            ]
            for query in queries
        }


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def build(source, **options):
    return Bucketed("Acme", BucketOptions(**options), source.ask)


def steady(each, begin=START - 3600, seconds=7200):
    return [(begin + at, float(each)) for at in range(0, seconds, 10)]


async def test_counts_rise_from_nothing_and_levels_are_as_they_are(clock):
    source = Source(count=[({}, steady(5))], level=[({"pod": "a"}, [(START - 30, 7.0), (START - 40, 9.0)])])
    bucketed = build(source)
    first = await bucketed.read([COUNT, LEVEL])
    assert [[one.value for one in points] for points in first] == [[0], [7]]
    clock.now += 60
    assert (await bucketed.read([COUNT]))[0][0].value == 30


async def test_all_is_asked_at_once_and_each_query_once(clock):
    source = Source(count=[({}, steady(1))])
    await build(source).read([COUNT, LEVEL, COUNT, HISTOGRAM])
    assert [queries for queries, _ in source.asked] == [["count", "level", "below 1", "below 2", "all"]]
    assert await build(source).read([]) == []


async def test_a_level_that_is_old_or_none_is_missing(clock):
    bucketed = build(
        Source(
            level=[({"a": "1"}, [(START - FRESH_S - 30, 7.0)]), ({"a": "2"}, [(START, math.nan), (START - 10, None)])]
        )
    )
    assert await bucketed.read([LEVEL]) == [[]]


async def test_levels_are_newer_than_what_is_counted(clock):
    bucketed = build(Source(level=[({}, [(START - 1, 3.0)])]), lag_s=60)
    assert (await bucketed.read([LEVEL]))[0][0].value == 3


async def test_a_histogram_has_all_its_bounds_and_never_less_above(clock):
    rows = {
        "below_1": [],
        "below_2": [({"pod": "a"}, steady(7))],
        "all": [({"pod": "a"}, steady(6)), ({"pod": "b"}, steady(1))],
    }
    bucketed = build(Source(**rows))
    await bucketed.read([HISTOGRAM])
    clock.now += 10
    (points,) = await bucketed.read([HISTOGRAM])
    found = {(one.labels["pod"], one.labels["le"]): one.value for one in points}
    assert found == {
        ("a", "1"): 0, ("a", "2"): 7, ("a", "+Inf"): 7, ("b", "1"): 0, ("b", "2"): 0, ("b", "+Inf"): 1,
    }  # fmt: skip


async def test_a_read_that_is_given_up_counts_nothing(clock):
    source = Source(count=[({}, steady(5))])
    bucketed = build(source)
    await bucketed.read([COUNT])
    clock.now += 60
    whole, source.ask = source.ask, None

    async def fails(queries, span):
        await whole(queries, span)
        raise TimeoutError

    bucketed._ask = fails
    with pytest.raises(TimeoutError):
        await bucketed.read([COUNT])
    bucketed._ask = whole
    clock.now += 60
    assert (await bucketed.read([COUNT]))[0][0].value == 60


async def test_the_past_has_running_counters_and_the_levels_of_then(clock):
    source = Source(count=[({}, steady(5))], level=[({}, [(START - 600 + at, float(at)) for at in range(0, 600, 10)])])
    past = await build(source).read_past([COUNT, LEVEL], 300, 60)
    assert len(past) == 5
    assert [one.answers[0][0].value for one in past[1:]] == [30, 60, 90, 120]
    assert [one.answers[1][0].value for one in past] == [600 - (START - one.at) for one in past]
    assert await build(source).read_past([], 300, 60) == []
