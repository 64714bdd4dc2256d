"""What the judge does in the situations of a night on call."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.judge import Judge, judge_all
from pilotage.core.model import (
    Action,
    Baseline,
    Counters,
    Histogram,
    HoldPolicy,
    Reading,
    Sample,
    Verdict,
)
from tests.core.worlds import BOUNDS, Group, judged, plan, samples


def test_a_healthy_canary_is_promoted_when_its_time_is_over() -> None:
    tick, verdict = judged(Group(5.8, 0.003), Group(52.2, 0.003))
    assert (tick, verdict.action) == (60, Action.PROMOTE)


def test_of_a_hundred_healthy_canaries_at_most_two_are_rolled_back() -> None:
    ended = [judged(Group(5.8, 0.003), Group(52.2, 0.003), seed=seed)[1].action for seed in range(100)]
    assert ended.count(Action.ROLLBACK) <= 2


def test_twenty_percent_errors_are_rolled_back_at_the_first_or_second_tick() -> None:
    ended = [judged(Group(5.0, 0.2), Group(45.0, 0.003), seed=seed) for seed in range(60)]
    assert all(verdict.action is Action.ROLLBACK for _, verdict in ended)
    assert sum(tick <= 2 for tick, _ in ended) >= 57


def test_a_shared_outage_holds_and_does_not_roll_back() -> None:
    for seed in range(10):
        _, verdict = judged(Group(5.8, 0.2), Group(52.2, 0.2), seed=seed)
        assert verdict.action is Action.HOLD or "did not clear" in verdict.reason
        assert "control's" in verdict.reason


def test_a_fix_of_a_sick_version_is_promoted() -> None:
    _, verdict = judged(Group(5.8, 0.001), Group(52.2, 0.15, bug=0.45), known_bad=True)
    assert verdict.action is Action.PROMOTE


def test_a_fix_that_does_not_fix_is_rolled_back() -> None:
    _, verdict = judged(Group(5.8, 0.15, bug=0.45), Group(52.2, 0.15, bug=0.45), known_bad=True)
    assert verdict.action is Action.ROLLBACK
    assert "the fix failed" in verdict.reason


def test_half_a_fix_holds_and_says_both() -> None:
    _, verdict = judged(Group(5.8, 0.001, bug=0.1), Group(52.2, 0.001, bug=0.45), known_bad=True)
    assert "better, but above its target" in verdict.reason


def test_a_latency_three_times_control_is_rolled_back() -> None:
    _, verdict = judged(Group(5.8, 0.003, slow=0.5), Group(52.2, 0.003))
    assert verdict.action is Action.ROLLBACK
    assert verdict.reason.startswith("p95")


def test_at_full_traffic_the_recorded_baseline_takes_controls_place() -> None:
    base = Baseline(10_000, 30, Histogram(BOUNDS, (0, 9_800, 0, 200, 0, 0, 0)))
    _, good = judged(Group(58, 0.003), Group(0, 0), baseline=base)
    assert good.action is Action.PROMOTE
    assert any("no concurrent control" in finding.sentence for finding in good.findings)
    _, bad = judged(Group(58, 0.2), Group(0, 0), baseline=base)
    assert bad.action is Action.ROLLBACK


def test_at_full_traffic_going_back_to_an_outage_is_not_done_by_itself() -> None:
    sick = Baseline(10_000, 4_500, Histogram(BOUNDS, (0, 9_800, 0, 200, 0, 0, 0)))
    judge = Judge(replace(plan(weight=100), hold=HoldPolicy(600, "ask")), 0, sick)
    verdict = Verdict(Action.WATCH, "")
    for sample in samples(Group(58, 0.05), Group(0, 0), ticks=20):
        verdict = judge.observe(sample)
    assert verdict.action is Action.HOLD
    assert "would bring that back" in verdict.reason


def test_too_little_traffic_is_said_and_never_passed() -> None:
    _, verdict = judged(Group(0.05, 0), Group(0.45, 0))
    assert verdict.action is not Action.PROMOTE
    assert "too little traffic" in verdict.reason


def test_a_silent_canary_holds() -> None:
    judge = Judge(plan(), 0, Baseline())
    verdicts = [judge.observe(one) for one in samples(Group(0, 0), Group(50, 0.003), ticks=5)]
    assert verdicts[-1].action is Action.HOLD
    assert "silent for" in verdicts[-1].reason


def test_a_metrics_source_that_stays_away_holds_then_follows_the_policy() -> None:
    judge = Judge(plan(hold=HoldPolicy(30, "rollback")), 0, Baseline())
    judge.observe(Sample(0, 0, 0.0, Reading(Counters(0, 0), Counters(0, 0))))
    gone = [judge.observe(Sample(0, tick, tick * 10.0, Reading(fault="unreachable"))) for tick in range(1, 7)]
    assert [verdict.action for verdict in gone[:2]] == [Action.WATCH, Action.HOLD]
    assert gone[-1].action is Action.ROLLBACK
    assert "held for 30 s and did not clear" in gone[-1].reason


def test_a_counter_reset_is_skipped_and_counted() -> None:
    judge = Judge(plan(), 0, Baseline())
    rows = [(100, 900), (200, 1800), (5, 2700), (105, 3600)]
    for tick, (canary, control) in enumerate(rows):
        verdict = judge.observe(Sample(0, tick, tick * 10.0, Reading(Counters(canary, 0), Counters(control, 0))))
    assert judge.canary.requests == 200
    assert "1 of 3 ticks had faulty data" in next(one.sentence for one in verdict.findings if one.metric == "data")


def test_traffic_that_is_not_where_it_should_be_holds() -> None:
    judge = Judge(plan(weight=50), 0, Baseline())
    verdicts = [judge.observe(one) for one in samples(Group(5, 0), Group(45, 0), ticks=3)]
    assert verdicts[-1].action is Action.HOLD
    assert "50 % wanted" in verdicts[-1].reason


def test_while_a_person_pauses_nothing_is_promoted() -> None:
    judge = Judge(plan(watch_s=30), 0, Baseline())
    verdicts = [judge.observe(replace(one, counted=False)) for one in samples(Group(20, 0), Group(180, 0), ticks=30)]
    assert {verdict.action for verdict in verdicts} == {Action.WATCH}


def test_a_rebuilt_judge_equals_the_one_that_lived_through() -> None:
    seen = list(samples(Group(5.8, 0.01), Group(52.2, 0.003), ticks=30))
    living = Judge(plan(), 0, Baseline())
    for index, sample in enumerate(seen):
        assert living.observe(sample) == judge_all(plan(), 0, Baseline(), seen[: index + 1])


numbers = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 10**18), st.just(0.0))
counters = st.builds(Counters, numbers, numbers, st.none(), st.none(), st.none())
readings = st.builds(Reading, st.none() | counters, st.none() | counters, st.sampled_from(["", "", "gone"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(readings, min_size=1, max_size=12))
def test_garbage_never_raises_and_never_passes(given_readings: list[Reading]) -> None:
    judge = Judge(plan(watch_s=100), 0, Baseline())
    for tick, reading in enumerate(given_readings):
        verdict = judge.observe(Sample(0, tick, tick * 10.0, reading))
        assert math.isfinite(verdict.progress)
        if reading.fault:
            assert verdict.action is not Action.PROMOTE


@pytest.mark.parametrize("ticks", [0, 1, 59])
def test_nothing_is_promoted_before_its_time(ticks: int) -> None:
    judge = Judge(plan(), 0, Baseline())
    for sample in samples(Group(20, 0), Group(180, 0), ticks=ticks):
        assert judge.observe(sample).action is Action.WATCH
