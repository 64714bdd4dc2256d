"""Sums per bucket become counters: whatever comes late is counted, once, and nothing ever falls."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.counters import Counts, Fault, Meter, add
from pilotage.core.errors import PermanentError
from pilotage.core.model import Counters, Reading
from pilotage.drivers.metrics.counting import MOST_GAP_S, Counting

NOW = 1_700_000_000.0
BUCKET, LAG, LATE = 10.0, 20.0, 120.0


def counting(bucket=BUCKET, lag=LAG, late=LATE):
    return Counting("Acme", bucket, lag, late)


class Source:
    """Knows what happened when, and when it came to know of it."""

    def __init__(self, events):
        self.events = events
        """(series, instant, when it arrives)"""

    def rows(self, span, now, bucket=BUCKET):
        found = {}
        for series, at, arrives in self.events:
            begin = at // bucket * bucket
            if arrives <= now and span.start <= begin < span.until:
                buckets = found.setdefault(series, {})
                buckets[begin] = buckets.get(begin, 0.0) + 1
        return [({"series": series}, list(buckets.items())) for series, buckets in found.items()]


def read(counter, source, now, selector="s"):
    span = counter.span([selector], now)
    (points,) = counter.take(span, {selector: source.rows(span, now)}).values()
    return {point.labels["series"]: point.value for point in points}


events = st.lists(
    st.tuples(st.sampled_from("ab"), st.floats(0, 600), st.floats(0, LATE)).map(
        lambda one: (one[0], NOW + one[1], NOW + one[1] + one[2])
    ),
    max_size=60,
)
pauses = st.lists(st.floats(0.1, 90), min_size=1, max_size=30)


@given(events, pauses, st.data())
@settings(max_examples=150, deadline=None)
def test_in_whatever_order_late_data_come_the_total_is_true_and_never_falls(happened, waits, data):
    source, counter, now, last = Source(happened), counting(), NOW + 100, {}
    begun = counter.span(["s"], now).until
    for wait in [0.0, *waits, 800.0, 1.0]:
        now += wait
        if now > NOW + 100 and wait < 90 and data.draw(st.booleans(), "the source is down"):
            continue
        found = read(counter, source, now)
        for series, value in found.items():
            arrived = sum(1 for one in happened if one[0] == series and one[1] >= begun and one[2] <= now)
            assert last.get(series, 0) <= value <= arrived
        assert set(last) <= set(found)
        last = found
    for series in "ab":
        assert last.get(series, 0) == sum(1 for one in happened if one[0] == series and one[1] >= begun)


@given(events, st.lists(st.floats(0.1, 30), max_size=20), st.data())
@settings(max_examples=100, deadline=None)
def test_an_answer_that_lacks_something_takes_nothing_back_and_is_made_good(happened, waits, data):
    happened = [(series, at, min(arrives, at + 30)) for series, at, arrives in happened]
    source, counter, now, last, partly = Source(happened), counting(), NOW + 100, {}, False
    begun = counter.span(["s"], now).until
    read(counter, source, now)
    for wait in [*waits, 30.0, 700.0]:
        now += wait
        span = counter.span(["s"], now)
        partly = wait < 30 and not partly and data.draw(st.booleans(), "a part of the source is down")
        there = [one for one in happened if not partly or data.draw(st.booleans())]
        rows = Source(there).rows(span, now)
        found = {one.labels["series"]: one.value for one in counter.take(span, {"s": rows})["s"]}
        assert all(found[series] >= value for series, value in last.items())
        last = found
    for series in "ab":
        assert last.get(series, 0) == sum(1 for one in happened if one[0] == series and one[1] >= begun)


@given(events, st.lists(st.floats(1, 60), min_size=2, max_size=10), st.randoms())
@settings(max_examples=100, deadline=None)
def test_answers_that_overtake_each_other_count_nothing_twice(happened, waits, random):
    source, counter, now = Source(happened), counting(), NOW + 100
    begun = counter.span(["s"], now).until
    read(counter, source, now)
    waiting = []
    for wait in waits:
        now += wait
        span = counter.span(["s"], now)
        waiting.append((span, source.rows(span, now)))
        if random.random() < 0.5:
            counter.take(*_popped(waiting, random))
    while waiting:
        counter.take(*_popped(waiting, random))
    found = read(counter, source, now + 400)
    for series in "ab":
        true = sum(1 for one in happened if one[0] == series and one[1] >= begun)
        assert found.get(series, 0) <= true


def _popped(waiting, random):
    span, rows = waiting.pop(random.randrange(len(waiting)))
    return span, {"s": rows}


def test_the_first_answer_is_nothing_yet_for_each_series_that_is_there():
    source = Source([("a", NOW - 50, NOW - 50), ("b", NOW - 5, NOW - 5)])
    counter = counting()
    assert read(counter, source, NOW) == {"a": 0}
    assert read(counter, source, NOW + 40) == {"a": 0, "b": 1}


def test_only_complete_buckets_older_than_the_lag_count():
    source, counter = Source([("a", NOW + 1, NOW + 1), ("a", NOW - 60, 0)]), counting()
    assert read(counter, source, NOW)["a"] == 0
    assert read(counter, source, NOW + 10 + LAG - 0.01)["a"] == 0
    assert read(counter, source, NOW + 10 + LAG)["a"] == 1


def test_a_series_that_vanishes_has_not_fallen():
    source, counter = Source([("a", NOW - 60, 0), ("a", NOW + 1, 0)]), counting()
    read(counter, source, NOW)
    assert read(counter, source, NOW + 60) == {"a": 1}
    assert read(counter, source, NOW + 2000) == {"a": 1}


def test_a_bucket_that_shows_less_for_a_while_neither_falls_nor_counts_again():
    counter, totals = counting(), []
    for at, shown in ((0, 0.0), (60, 9.0), (70, 4.0), (80, 9.0), (90, 11.0)):
        span = counter.span(["s"], NOW + at)
        rows = [({}, [(NOW - 60, 1.0), (NOW + 10, shown)])]
        totals.append(counter.take(span, {"s": rows})["s"][0].value)
    assert totals == [0, 9, 9, 9, 11]


def test_after_a_gap_that_is_too_long_it_counts_anew():
    source, counter = Source([("a", NOW - 60, 0), ("a", NOW + 1, 0), ("a", NOW + MOST_GAP_S + 900, 0)]), counting()
    read(counter, source, NOW)
    assert read(counter, source, NOW + 60) == {"a": 1}
    assert read(counter, source, NOW + 60 + MOST_GAP_S - 200) == {"a": 1}
    late = NOW + 60 + 2 * MOST_GAP_S + 900
    assert read(counter, Source([("a", late - 40, 0)]), late) == {"a": 0}


def test_after_an_outage_of_the_source_what_happened_meanwhile_is_counted():
    source, counter = Source([("a", NOW - 60, 0), *[("a", NOW + at, 0) for at in range(0, 1800, 10)]]), counting()
    read(counter, source, NOW)
    assert read(counter, source, NOW + 1830) == {"a": 180}


def test_a_selector_that_joins_later_counts_from_then():
    source, counter = Source([("a", NOW - 60, 0), ("a", NOW + 1, 0), ("a", NOW + 130, 0)]), counting()
    read(counter, source, NOW)
    read(counter, source, NOW + 100)
    assert read(counter, source, NOW + 100, "other") == {"a": 0}
    span = counter.span(["s", "other"], NOW + 200)
    rows = source.rows(span, NOW + 200)
    assert [one[0].value for one in counter.take(span, {"s": rows, "other": rows}).values()] == [2, 1]


def test_the_one_that_was_asked_longest_ago_says_what_to_ask_for():
    source, counter = Source([("a", NOW - 60, 0), *[("a", NOW + at, 0) for at in range(0, 1800, 10)]]), counting()
    read(counter, source, NOW)
    read(counter, source, NOW, "other")
    read(counter, source, NOW + 1800)
    span = counter.span(["s", "other"], NOW + 1830)
    rows = source.rows(span, NOW + 1830)
    assert [one[0].value for one in counter.take(span, {"s": rows, "other": rows}).values()] == [180, 180]


def test_what_is_not_known_is_not_counted_and_what_is_no_count_is_told():
    counter = counting()
    span = counter.span(["s"], NOW)
    counter.take(span, {"s": [({}, [(span.start, 1.0)])]})
    span = counter.span(["s"], NOW + 60)
    values = [(span.until - 20, math.nan), (span.until - 30, None), (span.until - 10, 3.0)]
    assert counter.take(span, {"s": [({}, values)]})["s"][0].value == 3
    for wrong in (-1.0, math.inf):
        with pytest.raises(PermanentError, match=r"Acme gives .* as a count for 's'"):
            counter.take(span, {"s": [({}, [(span.until - 10, wrong)])]})


def test_a_series_of_which_nothing_is_known_is_missing():
    counter = counting()
    span = counter.span(["s"], NOW)
    assert counter.take(span, {"s": [({"a": "b"}, [(span.start, None)])]}) == {"s": []}


def test_finer_rows_and_rows_of_one_series_add_up():
    counter = counting(bucket=60)
    counter.take(counter.span(["s"], NOW), {"s": [({}, [(NOW - 300, 1.0)])]})
    span = counter.span(["s"], NOW + 200)
    begin = span.until - 60
    rows = [({}, [(begin + at, 1.0) for at in range(0, 60, 10)]), ({}, [(begin, 4.0)])]
    assert counter.take(span, {"s": rows})["s"][0].value == 10


def test_too_many_series_are_told():
    counter = counting()
    span = counter.span(["s"], NOW)
    with pytest.raises(PermanentError, match="more than 1000 series"):
        counter.take(span, {"s": (({"id": str(number)}, [(span.start, 1.0)]) for number in range(1001))})


def test_the_past_is_a_running_sum_and_ends_before_now():
    counter = counting()
    source = Source([("a", NOW - 900 + at, 0) for at in range(0, 900, 10)])
    span = counter.past_span(600, NOW)
    assert (span.until - span.start, span.until) == (600, NOW - LAG)
    past = counter.past(span, [source.rows(span, NOW), []], 60)
    assert [one.at for one in past] == [span.start + 60 * step for step in range(10)]
    assert [one.answers[1] for one in past] == [[]] * 10
    assert [one.answers[0][0].value for one in past[1:]] == [6.0 * step for step in range(1, 10)]


def group(counter, source, now):
    span = counter.span(["total", "bad"], now)
    rows = {name: [one for one in source.rows(span, now) if one[0]["series"] == name[0]] for name in ("total", "bad")}
    found = {name: sum(point.value for point in points) for name, points in counter.take(span, rows).items() if points}
    return Counters(found["total"], found.get("bad", 0.0)) if "total" in found else None


@given(st.lists(st.sampled_from([5, 10, 10, 10, 20, -1]), max_size=60), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_judge_counts_nothing_twice_also_when_the_driver_is_built_anew(steps, seed):
    """-1: Pilotage begins anew. `t` are requests, `b` the errors among them, which may arrive later."""
    begin, random = NOW - 300, Random(seed)
    happened = []
    for number in range(1500):
        at = begin + number
        happened += [("t", at, at + random.uniform(0, 60))]
        happened += [("b", at, at + random.uniform(0, 60))] if number % 10 == 0 else []
    source, counter, meter, now, seen, faults = Source(happened), counting(), Meter("optional"), NOW, Counts(), 0
    for step in steps:
        if step < 0:
            counter = counting()
            continue
        now += step
        taken = meter.take(Reading(canary=group(counter, source, now)))
        if isinstance(taken, Fault):
            faults += 1
        elif taken is not None:
            seen = add(seen, taken.canary)
    passed = now - NOW + BUCKET
    assert seen.requests <= passed
    assert seen.errors <= passed / 10 + 1
    assert faults <= 2 * steps.count(-1) + sum(1 for step in steps if step > 0) * 0.3


def test_after_a_restart_one_look_is_not_counted():
    source = Source([("t", NOW - 60 + at, 0) for at in range(600)])
    meter, counter = Meter("optional"), counting()
    looks = [meter.take(Reading(canary=group(counter, source, NOW + at))) for at in (0, 60)]
    counter = counting()
    looks += [meter.take(Reading(canary=group(counter, source, NOW + at))) for at in (90, 120)]
    assert looks[1].canary.requests == 60
    assert isinstance(looks[2], Fault)
    assert looks[2].reset
    assert looks[3].canary.requests == 30
