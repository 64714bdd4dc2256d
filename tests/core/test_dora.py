"""DORA's figures: what counts as a change, as a failure, as restored, and how sure the rate is."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.dora import DAY_S, WEEK_S, Delivery, Figures, Mark, Walk, figures, fixes_of, histories, only, walk

START = [Mark(0, "rollout_started"), Mark(1, "phase_started", 10.0), Mark(2, "weight_set"), Mark(3, "watch_started")]
MINUTE, HOUR = 60.0, 3600.0


def delivery(
    number: int,
    outcome: str = "promoted",
    *,
    at: float = 0.0,
    took_s: float = HOUR,
    version: str = "",
    previous: str = "",
    known_bad: bool = False,
    service: str = "shop",
    known_before_s: float = 0.0,
    reached: bool = True,
    sick_s: float = MINUTE,
) -> Delivery:
    ended = at + took_s
    back = outcome == "rolled back"
    its = Walk(outcome, ended, reached, ended - sick_s if back else None, ended if back else None)  # type: ignore[arg-type]
    name = version or f"v{number}"
    return Delivery(f"r{number}", service, "prod", name, previous, known_bad, at - known_before_s, at, its)


def told(*deliveries: Delivery, days: float = 28) -> Figures:
    return histories(deliveries, 0.0, days * DAY_S)[0].figures


# ------------------------------------------------------------------ one rollout's record


def test_a_rollout_that_goes_on_is_no_delivery_yet() -> None:
    assert walk(START) is None


def test_a_promoted_one_has_no_sign_of_failure_even_when_it_was_held_once() -> None:
    record = [*START, Mark(10, "held", by_judge=True), Mark(20, "hold_cleared"), Mark(60, "promoted")]
    assert walk(record) == Walk("promoted", 60, True)


@pytest.mark.parametrize(
    ("signs", "first"),
    [
        ([Mark(10, "held", by_judge=True), Mark(30, "rollback_started")], 10),
        ([Mark(10, "held", by_judge=False), Mark(30, "rollback_started")], 30),
        ([Mark(10, "trouble_reported"), Mark(30, "rollback_started")], 10),
        ([Mark(10, "held", by_judge=True), Mark(15, "hold_cleared"), Mark(30, "rollback_started")], 30),
        ([Mark(10, "held", by_judge=True), Mark(15, "resumed"), Mark(30, "rollback_started")], 10),
        ([Mark(10, "trouble_reported"), Mark(15, "phase_passed"), Mark(30, "rollback_started")], 30),
        ([Mark(10, "least_bad_chosen"), Mark(30, "rollback_started")], 10),
    ],
)
def test_the_first_sign_is_the_earliest_that_nothing_has_cleared(signs: list[Mark], first: float) -> None:
    found = walk([*START, *signs, Mark(40, "rolled_back")])
    assert found == Walk("rolled back", 40, True, first, 40)


def test_one_that_turned_back_before_any_traffic_has_reached_nobody() -> None:
    baseline = [Mark(0, "rollout_started"), Mark(1, "phase_started", 0.0), Mark(2, "weight_set")]
    found = walk([*baseline, Mark(9, "rollback_started"), Mark(10, "rolled_back")])
    assert found is not None
    assert not found.reached


def test_a_rolling_deployment_reaches_users_with_its_first_servers() -> None:
    found = walk([Mark(0, "rollout_started"), Mark(1, "deployed", 25.0), Mark(10, "rolled_back")])
    assert found is not None
    assert found.reached


def test_a_watchdog_that_was_quicker_counts_and_it_is_one_rollback() -> None:
    record = [*START, Mark(10, "direct_rollback", took_s=2.0), Mark(50, "rollback_started"), Mark(60, "rolled_back")]
    assert walk(record) == Walk("rolled back", 12, True, 10, 12)


def test_a_watchdog_that_failed_has_not_brought_anything_back() -> None:
    record = [*START, Mark(10, "direct_rollback", took_s=None), Mark(50, "rollback_started"), Mark(60, "rolled_back")]
    assert walk(record) == Walk("rolled back", 60, True, 10, 60)


def test_a_change_that_went_back_after_its_promotion_has_failed() -> None:
    found = walk([*START, Mark(30, "promoted"), Mark(90, "direct_rollback", took_s=5.0)])
    assert found == Walk("rolled back", 95, True, 90, 95)


# ------------------------------------------------------------------ the figures


def test_the_rate_is_of_the_changes_that_traffic_has_reached() -> None:
    good = [delivery(number) for number in range(7)]
    bad = [delivery(10, "rolled back"), delivery(11, "rolled back", reached=False), delivery(12, "failed")]
    found = told(*good, *bad)
    assert (found.changes, found.failed, found.before_traffic, found.undecided) == (8, 1, 1, 1)
    assert found.failure_rate == 1 / 8


def test_the_interval_is_wilsons() -> None:
    """By hand for 1 of 10: (1 + z2/2 -+ z sqrt(.9 + z2/4)) / (10 + z2)."""
    found = told(*[delivery(number) for number in range(9)], delivery(10, "rolled back"))
    z2 = 1.959964**2
    half = math.sqrt(z2) * math.sqrt(0.9 + z2 / 4)
    assert found.low == pytest.approx((1 + z2 / 2 - half) / (10 + z2), abs=1e-6)
    assert found.high == pytest.approx((1 + z2 / 2 + half) / (10 + z2), abs=1e-6)


def test_without_any_change_there_is_no_rate_and_nothing_is_sure() -> None:
    found = told()
    assert (found.failure_rate, found.low, found.high, found.restore.seconds, found.per_week) == (None, 0, 1, None, 0)


def test_medians_are_of_those_that_have_a_value() -> None:
    back = [delivery(n, "rolled back", sick_s=sick) for n, sick in enumerate((30.0, 90.0, 600.0))]
    live = [delivery(n + 10, known_before_s=known) for n, known in enumerate((0.0, HOUR))]
    found = told(*back, *live)
    assert (found.restore.seconds, found.restore.n) == (90.0, 3)
    assert (found.lead.seconds, found.lead.n) == (1.5 * HOUR, 2)


def test_frequency_is_by_the_week_and_of_promoted_ones() -> None:
    assert told(delivery(1), delivery(2), delivery(3, "rolled back"), days=14).per_week == 1.0


# ------------------------------------------------------------------ hot-fixes


def fixed(**about: object) -> tuple[Delivery, Delivery]:
    change = delivery(1, version="2", at=0)
    fix = delivery(2, version="3", previous="2", known_bad=True, at=2 * HOUR, known_before_s=30 * MINUTE)
    return change, replace(fix, **about)  # type: ignore[arg-type]


def test_a_change_that_needed_a_hot_fix_within_a_day_has_failed_and_is_restored_when_that_is_live() -> None:
    found = told(*fixed())
    assert (found.changes, found.fixed_after, found.failed) == (2, 1, 1)
    assert (found.restore.seconds, found.restore.n) == (1.5 * HOUR, 1)


@pytest.mark.parametrize(
    "about",
    [
        {"known_bad": False},
        {"previous": "1"},
        {"service": "cart"},
        {"environment": "test"},
        {"started_at": DAY_S + HOUR + 1},
        {"started_at": HOUR - 1},
    ],
)
def test_only_a_hot_fix_of_this_very_version_soon_after_it_counts(about: dict[str, object]) -> None:
    assert fixes_of(fixed(**about)) == {}


def test_a_hot_fix_that_failed_itself_shows_the_failure_but_restores_nothing() -> None:
    change, fix = fixed(walk=Walk("rolled back", 3 * HOUR, True, 2.5 * HOUR, 3 * HOUR))
    found = told(change, fix)
    assert (found.failed, found.restore.n) == (2, 1)
    second = delivery(3, version="4", previous="2", known_bad=True, at=5 * HOUR)
    found = told(change, fix, second)
    assert (found.fixed_after, found.restore.n) == (1, 2)
    assert found.restore.seconds == pytest.approx((0.5 * HOUR + 4.5 * HOUR) / 2)


def test_two_hot_fixes_of_one_change_are_one_failure_of_it() -> None:
    change, fix = fixed()
    assert told(change, fix, replace(fix, rollout="r9", version="3b")).fixed_after == 1


# ------------------------------------------------------------------ windows, weeks, services

deliveries = st.lists(
    st.builds(
        delivery,
        st.integers(0, 10**6),
        st.sampled_from(["promoted", "rolled back", "failed"]),
        at=st.floats(0, 60 * DAY_S),
        took_s=st.floats(1, DAY_S),
        version=st.sampled_from(["a", "b", "c", "d"]),
        previous=st.sampled_from(["a", "b", "c", "d"]),
        known_bad=st.booleans(),
        service=st.sampled_from(["shop", "cart"]),
        reached=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda one: one.rollout,
)


@given(deliveries)
def test_every_delivery_within_the_time_is_counted_once(found: list[Delivery]) -> None:
    begin, end = 10 * DAY_S, 50 * DAY_S
    whole, *each = histories(found, begin, end)
    within = [one for one in found if begin <= one.walk.ended_at < end]
    its = whole.figures
    assert its.changes + its.undecided + its.before_traffic == len(within)
    for name in ("promoted", "rolled_back", "fixed_after", "undecided", "before_traffic"):
        assert getattr(its, name) == sum(getattr(one.figures, name) for one in each)


@given(deliveries)
def test_weeks_are_whole_end_now_and_are_counted_in_the_whole(found: list[Delivery]) -> None:
    begin, end = 10 * DAY_S, 45 * DAY_S
    for one in histories(found, begin, end):
        assert [week.begin for week in one.weeks] == [end - (5 - number) * WEEK_S for number in range(5)]
        assert sum(week.figures.changes for week in one.weeks) == one.figures.changes
        assert sum(week.figures.failed for week in one.weeks) == one.figures.failed


@given(deliveries)
def test_a_rate_lies_in_its_interval_and_no_more_fail_than_there_are(found: list[Delivery]) -> None:
    for one in histories(found, 0.0, 61 * DAY_S):
        its = one.figures
        assert 0 <= its.failed <= its.changes
        if its.failure_rate is not None:
            assert 0 <= its.low <= its.failure_rate + 1e-9
            assert its.failure_rate <= its.high + 1e-9 <= 1 + 2e-9
        assert its.restore.n <= its.failed
        assert its.lead.n == its.promoted


@given(deliveries, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_given_does_not_matter(found: list[Delivery], chance: Random) -> None:
    mixed = list(found)
    chance.shuffle(mixed)
    assert histories(mixed, 0.0, 61 * DAY_S) == histories(found, 0.0, 61 * DAY_S)


def test_a_week_has_what_ended_in_it() -> None:
    weeks = histories([delivery(1, at=0), delivery(2, at=8 * DAY_S)], 0.0, 14 * DAY_S)[0].weeks
    assert [week.figures.promoted for week in weeks] == [1, 1]
    assert weeks[0].figures.per_week == 1.0


def test_one_service_or_environment_can_be_asked_for() -> None:
    found = [delivery(1), delivery(2, service="cart")]
    assert [one.rollout for one in only(found, service="cart")] == ["r2"]
    assert only(found, environment="test") == []
    assert figures(only(found), {}, WEEK_S).promoted == 2
