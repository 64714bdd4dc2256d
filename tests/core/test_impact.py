"""What a rollout harmed or spared: never less than nothing, never more than there was, and right often enough."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.impact import Estimate, Group, excess, harmed_sentence, impact, shortfall, spared_sentence
from pilotage.core.model import Reading, Sample
from tests.core import worlds
from tests.core.worlds import plan, samples

groups = st.integers(1, 10**7).flatmap(lambda n: st.builds(Group, st.just(float(n)), st.integers(0, n).map(float)))
pairs = st.lists(st.tuples(groups, groups), min_size=1, max_size=4)
factors = st.floats(1, 50)


@given(pairs, factors)
def test_harm_is_never_negative_and_at_most_what_failed(taken: list[tuple[Group, Group]], factor: float) -> None:
    found = excess(taken, factor)
    assert 0 <= found.low <= found.likely <= found.high <= sum(mine.failed for mine, _ in taken)


@given(pairs, factors)
def test_what_was_spared_is_never_negative_and_at_most_what_did_not_fail(
    taken: list[tuple[Group, Group]], factor: float
) -> None:
    found = shortfall(taken, factor)
    assert 0 <= found.low <= found.likely <= found.high <= sum(mine.requests - mine.failed for mine, _ in taken)


@given(pairs, st.integers(0, 10**6), factors)
def test_more_failures_are_more_harm_and_less_spared(
    taken: list[tuple[Group, Group]], more: int, factor: float
) -> None:
    mine, theirs = taken[0]
    worse = [(replace(mine, failed=min(mine.requests, mine.failed + more)), theirs), *taken[1:]]
    assert _none_above(excess(taken, factor), excess(worse, factor))
    assert _none_above(shortfall(worse, factor), shortfall(taken, factor))


@given(pairs, st.integers(0, 10**6))
def test_more_failures_of_control_are_less_harm(taken: list[tuple[Group, Group]], more: int) -> None:
    mine, theirs = taken[0]
    worse = [(mine, replace(theirs, failed=min(theirs.requests, theirs.failed + more))), *taken[1:]]
    assert _none_above(excess(worse), excess(taken), within=1e-6 * mine.requests)


@given(pairs, factors)
def test_where_control_varies_more_the_interval_is_wider(taken: list[tuple[Group, Group]], factor: float) -> None:
    narrow, wide = excess(taken), excess(taken, factor)
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def _none_above(less: Estimate, more: Estimate, within: float = 0.0) -> bool:
    pairs = ((less.low, more.low), (less.likely, more.likely), (less.high, more.high))
    return all(a <= b + within for a, b in pairs)


def test_the_interval_holds_what_would_have_failed_at_least_as_often_as_it_says() -> None:
    """What the canary's requests would have done on control is drawn, too, which only a test can know."""
    chance = random.Random(7)
    inside = 0
    for _ in range(400):
        rate, n, m = chance.choice([0.002, 0.02, 0.3]), chance.choice([40, 400]), chance.choice([200, 1000])
        control = sum(chance.random() < rate for _ in range(m))
        anyway = sum(chance.random() < rate for _ in range(n))
        harmed = sum(chance.random() < 0.4 for _ in range(n - anyway))
        found = excess([(Group(n, anyway + harmed), Group(m, control))])
        inside += found.low <= harmed <= found.high
    assert inside >= 0.95 * 400


def test_one_failure_of_ten_may_be_chance() -> None:
    found = excess([(Group(10, 1), Group(1000, 0))])
    assert found.low == 0
    assert found.likely == found.high == 1


def test_a_total_failure_is_surely_harm() -> None:
    found = excess([(Group(500, 500), Group(4500, 45))])
    assert found.low > 470
    assert round(found.likely) == 495


def test_the_sentence_has_the_counts_the_estimate_and_the_interval() -> None:
    told = impact(plan(), list(samples(worlds.Group(5, 0.4), worlds.Group(45, 0.01), ticks=10)))
    assert harmed_sentence(plan(), told).startswith(
        "182 of 500 requests to 2 failed, at control's rate about 7 would have: about 175 harmed (162 to 182"
    )
    assert "at least 95% sure" in harmed_sentence(plan(), told)
    assert spared_sentence(plan(), told) == ""


def test_a_good_canary_harmed_none_as_far_as_can_be_told() -> None:
    told = impact(plan(), list(samples(worlds.Group(5, 0.0), worlds.Group(45, 0.01), ticks=10)))
    assert harmed_sentence(plan(), told).endswith("none harmed as far as can be told (at most 0, at least 95% sure)")


def test_what_the_fix_spared_is_counted_by_the_bug() -> None:
    its = plan(known_bad=True)
    told = impact(its, list(samples(worlds.Group(50, 0.0), worlds.Group(50, 0.1, bug=0.4), ticks=10)))
    said = spared_sentence(its, told)
    assert said.startswith("by null pointer, 0 of 1,660 failed on 2, on 1 about ")
    assert told.spared is not None
    assert 400 < told.spared.low < told.spared.likely < told.spared.high < 900


def test_without_samples_it_cannot_be_told() -> None:
    assert harmed_sentence(plan(), impact(plan(), [])) == "cannot be told: no requests were counted"
    its = plan(known_bad=True)
    assert spared_sentence(its, impact(its, [])) == "cannot be told: no requests were counted"


def test_the_reason_of_missing_data_is_said() -> None:
    lost = [Sample(0, tick, tick * 10.0, Reading(fault="the metrics are unreachable")) for tick in range(3)]
    assert harmed_sentence(plan(), impact(plan(), lost)) == (
        "cannot be told: no requests were counted (the metrics are unreachable)"
    )


def test_a_canary_alone_is_compared_with_nothing() -> None:
    alone = [
        replace(one, reading=replace(one.reading, control=None))
        for one in samples(worlds.Group(50, 0.1), worlds.Group(0, 0), ticks=5)
    ]
    said = harmed_sentence(plan(), impact(plan(), alone))
    assert said.startswith("cannot be told: control had no traffic beside the canary; not counted: 2")


def test_what_the_canary_did_alone_is_said_beside_the_estimate() -> None:
    two = replace(plan(), phases=(*plan().phases, replace(plan().phases[0], name="100 %", weight=100.0)))
    first = list(samples(worlds.Group(5, 0.4), worlds.Group(45, 0.01), ticks=10))
    then = [
        replace(one, phase=1, at=one.at + 200, reading=replace(one.reading, control=None))
        for one in samples(worlds.Group(50, 0.1), worlds.Group(0, 0), ticks=5, seed=2)
    ]
    said = harmed_sentence(two, impact(two, [*first, *then]))
    assert "that failed with no control beside the canary" in said
