"""What the judge does in the situations of a night on call."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.judge import Judge, judge_all
from pilotage.core.model import (
    Action,
    Baseline,
    Counters,
    Finding,
    Histogram,
    HoldPolicy,
    Instance,
    Minute,
    Reading,
    Sample,
    Verdict,
)
from tests.core.worlds import BOUNDS, Group, judged, plan, samples

HEALTHY = Baseline(10_000, 30, Histogram(BOUNDS, (0, 9_800, 0, 200, 0, 0, 0)), 3_000, 3)


def found(verdict: Verdict, metric: str) -> Finding:
    return next(one for one in verdict.findings if one.metric == metric)


def counted(tick: int, rate: float, errors: float = 0.0) -> Counters:
    """`rate` requests a tick, all quick; a third of them try what the bug breaks."""
    n = rate * tick
    buckets = Histogram(BOUNDS, (0, n * 0.98, 0, n * 0.02, 0, 0, 0))
    return Counters(n, n * errors, buckets, n / 3, 0.0)


def seen(judge: Judge, readings: Iterable[Reading]) -> list[Verdict]:
    return [judge.observe(Sample(0, tick, tick * 10.0, one)) for tick, one in enumerate(readings)]


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
    assert "1 of 3 ticks had faulty data" in found(verdict, "data").sentence


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


@pytest.mark.parametrize("late", [0, 1, 3, 30])
def test_at_full_traffic_a_few_late_requests_to_control_change_nothing(late: int) -> None:
    readings = [Reading(counted(0, 580), counted(1, 9000))]
    readings += [Reading(counted(tick, 580, 0.2), counted(1, 9000 + late)) for tick in range(1, 4)]
    assert seen(Judge(plan(weight=100), 0, HEALTHY), readings)[1].action is Action.ROLLBACK


def test_at_full_traffic_the_old_version_may_be_gone() -> None:
    readings = [Reading(counted(tick, 580), None) for tick in range(61)]
    verdicts = seen(Judge(plan(weight=100), 0, HEALTHY), readings)
    assert verdicts[-1].action is Action.PROMOTE
    assert "no concurrent control" in found(verdicts[-1], "errors").sentence
    assert "no concurrent control" in found(verdicts[-1], "p95").sentence


def test_at_full_traffic_more_than_twice_the_baselines_errors_do_not_pass() -> None:
    readings = [Reading(counted(tick, 580, 0.004), None) for tick in range(61)]
    verdict = seen(Judge(plan(weight=100), 0, Baseline(100_000, 50, HEALTHY.latency)), readings)[-1]
    assert verdict.action is Action.HOLD
    assert "more than 2 x the baseline's" in verdict.reason


def test_at_full_traffic_without_any_baseline_nothing_passes() -> None:
    readings = [Reading(counted(tick, 580), None) for tick in range(61)]
    verdict = seen(Judge(plan(weight=100), 0, Baseline()), readings)[-1]
    assert verdict.action is Action.HOLD
    assert "no recorded baseline" in verdict.reason


def test_a_bug_that_was_never_counted_before_is_not_called_fixed() -> None:
    readings = [Reading(counted(tick, 580), None) for tick in range(61)]
    baseline = replace(HEALTHY, bug_total=0, bug_bad=0)
    verdict = seen(Judge(plan(weight=100, known_bad=True), 0, baseline), readings)[-1]
    assert verdict.action is Action.HOLD
    assert "none recorded in the baseline to compare with" in verdict.reason


def test_series_that_vanish_for_one_tick_are_no_failed_fix() -> None:
    readings = [Reading(replace(counted(9 + tick, 58), bug_bad=170), counted(9 + tick, 522)) for tick in range(8)]
    readings[3] = Reading(Counters(12 * 58, 0), counted(12, 522))
    judge = Judge(plan(known_bad=True), 0, Baseline())
    verdicts = seen(judge, readings)
    assert {one.action for one in verdicts} == {Action.WATCH}
    assert (judge.canary.bug_bad, judge.faults) == (0, ["canary: the latency buckets have gone"])


def test_a_faulty_last_tick_is_waited_out_not_passed() -> None:
    readings = [Reading(counted(tick, 58), counted(tick, 522)) for tick in range(62)]
    readings[60] = Reading(fault="unreachable")
    verdicts = seen(Judge(plan(), 0, Baseline()), readings)
    assert [one.action for one in verdicts[-2:]] == [Action.WATCH, Action.PROMOTE]


def test_a_slow_service_may_be_silent_for_a_few_ticks() -> None:
    """One request to the canary in 10 s on average: three ticks without are nothing, twelve are not."""
    readings = [Reading(counted(min(tick, 20), 1), counted(tick, 9)) for tick in range(34)]
    verdicts = seen(Judge(plan(), 0, Baseline()), readings)
    assert verdicts[23].action is Action.WATCH
    assert "silent for" in verdicts[33].reason


def test_a_shared_outage_that_is_over_clears_the_hold() -> None:
    def reading(tick: int) -> Reading:
        out = min(max(tick - 10, 0), 10)
        errors = {rate: rate * (tick * 0.002 + out * 0.3) for rate in (58, 522)}
        return Reading(Counters(58 * tick, errors[58]), Counters(522 * tick, errors[522]))

    bare = replace(plan(), measures=replace(plan().measures, latency=None))
    verdicts = seen(Judge(bare, 0, Baseline()), [reading(tick) for tick in range(61)])
    assert verdicts[20].action is Action.HOLD
    assert "going back may not help" in verdicts[20].reason
    assert verdicts[30].action is Action.WATCH
    assert "below the limit again" in found(verdicts[30], "errors limit").sentence
    assert verdicts[-1].action is Action.PROMOTE


def test_healthy_canaries_are_not_held_at_the_end_for_bad_luck() -> None:
    """A base rate right at the success criterion: chance alone puts half of the canaries above it."""
    ended = [judged(Group(5.8, 0.005), Group(52.2, 0.005), seed=seed)[1].action for seed in range(60)]
    assert ended.count(Action.PROMOTE) >= 58


def test_one_look_at_the_end_still_sees_what_is_too_much() -> None:
    readings = [Reading(counted(tick, 58, 0.012), counted(tick, 522, 0.004)) for tick in range(61)]
    verdict = seen(Judge(plan(), 0, Baseline()), readings)[-1]
    assert verdict.action is not Action.PROMOTE


def test_a_tail_that_p95_does_not_see_holds() -> None:
    def slow_tail(tick: int) -> Histogram:
        n = 58 * tick
        return Histogram(BOUNDS, (0, n * 0.95, 0, n * 0.02, 0, 0, n * 0.03))

    readings = [Reading(replace(counted(tick, 58), latency=slow_tail(tick)), counted(tick, 522)) for tick in range(31)]
    verdict = seen(Judge(plan(), 0, HEALTHY), readings)[-1]
    assert verdict.action is Action.HOLD
    assert "slower, but p95 is not beyond 2 x" in verdict.reason


def test_a_phase_passes_early_only_when_the_plan_says_so() -> None:
    readings = [Reading(counted(tick, 580, 0.01), counted(tick, 580, 0.01)) for tick in range(61)]
    lenient = replace(plan(weight=50).limits, errors_success=0.015)
    early = Judge(replace(plan(weight=50), limits=replace(lenient, pass_early=True)), 0, Baseline())
    patient = Judge(replace(plan(weight=50), limits=lenient), 0, Baseline())
    first = next(tick for tick, one in enumerate(seen(early, readings)) if one.action is Action.PROMOTE)
    assert 6 <= first < 30
    assert [one.action for one in seen(patient, readings)].index(Action.PROMOTE) == 60


def test_errors_in_bursts_make_the_judge_careful_and_it_says_so() -> None:
    noisy = tuple(Minute({f"i{one}": (600.0, 12.0 * (one == tick % 5)) for one in range(5)}) for tick in range(30))
    readings = [Reading(counted(tick, 58, 0.004), counted(tick, 522, 0.004)) for tick in range(4)]
    verdict = seen(Judge(plan(), 0, Baseline(90_000, 360, minutes=noisy)), readings)[-1]
    assert "errors come in bursts" in found(verdict, "errors").sentence


def test_the_time_before_the_rollout_is_passed_over() -> None:
    judge = Judge(plan(), 0, Baseline())
    past = [judge.observe(Sample(0, tick, tick * 60.0, Reading(None, counted(31 + tick, 500)))) for tick in (-2, -1)]
    assert [one.reason for one in past] == ["history", "history"]
    judge.observe(Sample(0, 0, 0.0, Reading(counted(0, 58), counted(40, 522))))
    assert judge.control.requests == 0


odd = st.sampled_from([math.nan, math.inf, -math.inf, -5.0, 0.0, 1.0, 50.0, 1e300, 1e14, float(10**18), 10**18])
numbers = st.one_of(st.floats(0, 1000), odd)
shapes = st.one_of(
    st.lists(numbers, min_size=7, max_size=7), st.lists(st.floats(0, 100), min_size=7, max_size=7), st.lists(odd)
)
histograms = st.none() | st.builds(lambda counts: Histogram(BOUNDS, tuple(counts)), shapes)
counters = st.builds(Counters, numbers, numbers, histograms, st.none() | numbers, st.none() | numbers)
several = st.lists(st.builds(Instance, st.sampled_from("abc"), counters), max_size=3).map(tuple)
groups = st.none() | st.builds(lambda one, each: replace(one, instances=each), counters, several)
readings = st.builds(Reading, groups, groups, st.sampled_from(["", "", "", "gone"]))
baselines = st.sampled_from(
    [
        Baseline(),
        HEALTHY,
        Baseline(math.nan, 1),
        Baseline(10, math.nan, None, math.inf, 3),
        Baseline(1, 5, Histogram(BOUNDS, (math.nan,) * 7), 0, 5, (Minute({"a": (0.0, 9.0)}, Histogram((), ())),)),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(readings, min_size=1, max_size=12),
    baselines,
    st.sampled_from([10.0, 50.0, 100.0]),
    st.booleans(),
    st.booleans(),
)
def test_garbage_never_raises_and_never_passes(
    given_readings: list[Reading], baseline: Baseline, weight: float, known_bad: bool, early: bool
) -> None:
    """More than a fifth of the readings is garbage here, or too few: none of that may ever be promoted."""
    its_plan = plan(known_bad=known_bad, weight=weight, watch_s=100)
    judge = Judge(replace(its_plan, limits=replace(its_plan.limits, pass_early=early)), 0, baseline)
    for tick, reading in enumerate(given_readings):
        verdict = judge.observe(Sample(0, tick, tick * 10.0, reading))
        assert 0 <= verdict.progress <= 1
        assert "nan" not in f"{verdict.reason} {[one.sentence for one in verdict.findings]}"
        if reading.fault or judge.canary.requests < its_plan.limits.min_requests:
            assert verdict.action is not Action.PROMOTE


@settings(max_examples=60, deadline=None)
@given(st.lists(readings, min_size=1, max_size=10), st.integers(0, 9))
def test_the_same_samples_give_the_same_verdict_whatever_was_asked_between(given_readings, asked) -> None:
    samples_in = [Sample(0, tick, tick * 10.0, one) for tick, one in enumerate(given_readings)]
    once = judge_all(plan(known_bad=True), 0, HEALTHY, samples_in)
    judge = Judge(plan(known_bad=True), 0, HEALTHY)
    for place, sample in enumerate(samples_in):
        verdict = judge.observe(sample)
        if place == asked:
            assert (judge.worse.log_e, judge.progress) == (judge.worse.log_e, judge.progress)
            assert verdict == judge_all(plan(known_bad=True), 0, HEALTHY, samples_in[: place + 1])
    assert verdict == once


@pytest.mark.parametrize("ticks", [0, 1, 59])
def test_nothing_is_promoted_before_its_time(ticks: int) -> None:
    judge = Judge(plan(), 0, Baseline())
    for sample in samples(Group(20, 0), Group(180, 0), ticks=ticks):
        assert judge.observe(sample).action is Action.WATCH
