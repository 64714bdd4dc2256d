"""System health: an excess fires when it lasts, noise and pauses do not, and missing data never passes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilotage.codec import from_json, to_json
from pilotage.core.comparison import comparison
from pilotage.core.guards import LastingEvidence
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Answer, Baseline, Counters, Finding, Plan, Reading, Sample, Verdict
from pilotage.core.signals import GuardBaseline, GuardLevels, GuardMetric, Kind, Level, Per, TicketMetric
from pilotage.core.tally import baseline_of, tally
from tests.core import worlds

NAN = float("nan")
CONNECTIONS = GuardMetric("db connections", "s", "pg", per="total", limit=80.0, floor=4.0)
CPU = GuardMetric("cpu", "s", "cpu", kind="counter", floor=0.05, unit="cores")
Series = Callable[[int], float | None]


def plan(*guards: GuardMetric, weight: float = 50.0, watch_s: float = 600.0, tick_s: float = 10.0) -> Plan:
    made = worlds.plan(weight=weight, watch_s=watch_s)
    phases = (replace(made.phases[0], tick_s=tick_s),)
    return replace(made, phases=phases, measures=replace(made.measures, guards=guards, latency=None))


def samples(
    name: str,
    canary: Series,
    control: Series,
    *,
    ticks: int = 60,
    tick_s: float = 10.0,
    pace: tuple[float, float] = (10.0, 10.0),
) -> list[Sample]:
    """Both groups serve without errors, `pace` requests a second each."""

    def levels(value: float | None) -> tuple[Level, ...]:
        return () if value is None else (Level("a:1", value),)

    found = []
    for tick in range(ticks + 1):
        at = tick * tick_s
        mine, theirs = (Counters(one * at, 0.0) if one else None for one in pace)
        guard = GuardLevels(name, levels(canary(tick)), levels(control(tick)))
        found.append(Sample(0, tick, at, Reading(mine, theirs, guards=(guard,))))
    return found


def judged(its_plan: Plan, seen: list[Sample], baseline: Baseline | None = None) -> list[tuple[Finding, Verdict]]:
    """The first guard's finding and the verdict, tick by tick."""
    judge = Judge(its_plan, 0, baseline or Baseline())
    found = []
    for sample in seen:
        verdict = judge.observe(sample)
        found.append((next(one for one in verdict.findings if one.metric.startswith("guard ")), verdict))
    return found


def fires(found: list[tuple[Finding, Verdict]]) -> int | None:
    return next((tick for tick, (finding, _) in enumerate(found) if finding.shows), None)


# ------------------------------------------------------------------ what fires


def test_more_than_control_for_more_than_a_minute_holds() -> None:
    found = judged(plan(CONNECTIONS), samples("db connections", lambda t: 60 + t % 3, lambda t: 30 + t % 2))
    tick = fires(found)
    assert tick is not None
    assert 7 <= tick <= 12  # the first minute is for settling
    finding, verdict = found[tick]
    assert (finding.shows, verdict.action) == ("guard-worse", Action.HOLD)
    assert finding.sentence.startswith("guard db connections 6")
    assert "against 30" in finding.sentence
    assert f"trigger 1.5 x, limit 80, n {tick} ticks" in finding.sentence
    assert "more than 1.5 x" in verdict.reason


def test_over_the_limit_holds_where_control_is_below() -> None:
    found = judged(plan(CONNECTIONS), samples("db connections", lambda t: 85 + t % 2, lambda t: 70 + t % 2))
    tick = fires(found)
    assert tick is not None
    finding, _ = found[tick]
    assert finding.shows == "guard-over-limit"
    assert "over its limit in" in finding.sentence


def test_over_the_limit_in_both_is_shared() -> None:
    found = judged(plan(CONNECTIONS), samples("db connections", lambda t: 85 + t % 2, lambda t: 84 + t % 2))
    tick = fires(found)
    assert tick is not None
    assert found[tick][0].shows == "guard-shared"
    assert "control is over it too: going back may not help" in found[tick][0].sentence


def test_a_counter_is_compared_by_its_rise_per_second() -> None:
    found = judged(plan(CPU), samples("cpu", lambda t: t * 9.0, lambda t: t * 3.0))
    tick = fires(found)
    assert tick is not None
    assert "0.9 cores by instance against 0.3 cores in control" in found[tick][0].sentence


def test_a_limit_alone_needs_no_control() -> None:
    alone = replace(CONNECTIONS, worse_than_control=None)
    found = judged(plan(alone), samples("db connections", lambda t: 90 + t % 2, lambda _: None))
    assert found[fires(found) or 0][0].shows == "guard-over-limit"
    fine = judged(plan(alone), samples("db connections", lambda t: 70 + t % 2, lambda _: None))
    assert fine[-1][1].action is Action.PROMOTE


def test_a_plan_may_roll_back_on_a_guard() -> None:
    rows: dict[str, Answer] = {"guard-worse": "rollback"}
    strict = replace(plan(CONNECTIONS), verdicts=rows)
    found = judged(strict, samples("db connections", lambda t: 60 + t % 3, lambda t: 30 + t % 2))
    assert found[fires(found) or 0][1].action is Action.ROLLBACK


def test_an_excess_that_ends_clears() -> None:
    found = judged(
        plan(CONNECTIONS), samples("db connections", lambda t: (60 if t < 20 else 30) + t % 3, lambda t: 30 + t % 2)
    )
    assert fires(found) is not None
    assert found[-1][0].action is Action.PROMOTE
    assert found[-1][1].action is Action.PROMOTE


# ------------------------------------------------------------------ what does not


@pytest.mark.parametrize(
    ("why", "canary", "control"),
    [
        ("near nothing", lambda t: 3 + t % 2, lambda _: 1),
        ("a pause of 20 s, every two minutes", lambda t: 75 if t % 12 in (3, 4) else 30 + t % 2, lambda t: 30 + t % 3),
        ("warming up for a minute", lambda t: 79 if t <= 6 else 30 + t % 2, lambda t: 30 + t % 3),
        ("less than control", lambda t: 10 + t % 2, lambda t: 60 + t % 3),
    ],
)
def test_no_alarm(why: str, canary: Series, control: Series) -> None:
    found = judged(plan(CONNECTIONS), samples("db connections", canary, control))
    assert fires(found) is None, why
    assert found[-1][1].action is Action.PROMOTE


def test_who_serves_more_may_use_more() -> None:
    def nine_to_one(canary: float) -> list[tuple[Finding, Verdict]]:
        seen = samples("cpu", lambda t: t * canary, lambda t: t * 1.0, pace=(90.0, 10.0))
        return judged(plan(CPU, weight=90.0), seen)

    fair = nine_to_one(9.0)
    assert fires(fair) is None
    assert (
        "0.9 cores by instance against 0.1 cores in control times 9, as the canary serves more" in fair[-1][0].sentence
    )
    assert fires(nine_to_one(18.0)) is not None


def test_by_request_the_shares_do_not_matter() -> None:
    by_request = replace(CPU, per="request", floor=0.001)
    found = judged(plan(by_request), samples("cpu", lambda t: t * 1.0, lambda t: t * 9.0, pace=(1.0, 90.0)))
    assert fires(found) is not None
    assert "0.1 cores by request against 0.01 cores" in found[fires(found) or 0][0].sentence


def test_an_instance_that_begins_anew_costs_no_alarm() -> None:
    def anew(tick: int) -> float:
        return (tick if tick < 30 else tick - 30) * 3.0

    found = judged(plan(CPU), samples("cpu", anew, lambda t: t * 3.0))
    assert fires(found) is None
    assert found[-1][0].n == 59
    assert found[-1][1].action is Action.PROMOTE


def test_one_scrape_looked_at_often_is_one_look() -> None:
    """A source scraped once a minute: one high scrape stays for six ticks."""
    found = judged(plan(CONNECTIONS), samples("db connections", lambda t: 70 if 12 <= t < 18 else 30, lambda _: 30))
    assert fires(found) is None


def test_a_value_that_never_changes_is_known_also_in_a_watch_of_a_minute() -> None:
    found = judged(plan(CONNECTIONS, watch_s=60.0), samples("db connections", lambda _: 30, lambda _: 30, ticks=6))
    assert found[-1][1].action is Action.PROMOTE


def test_ticks_of_a_second_are_joined_to_looks_of_ten() -> None:
    seen = samples(
        "db connections", lambda t: 75 if 100 <= t < 115 else 30 + t % 2, lambda _: 30, ticks=300, tick_s=1.0
    )
    assert fires(judged(plan(CONNECTIONS, watch_s=300.0, tick_s=1.0), seen)) is None
    lasting = samples("db connections", lambda t: 60 + t % 7, lambda _: 30, ticks=300, tick_s=1.0)
    assert 60 < (fires(judged(plan(CONNECTIONS, watch_s=300.0, tick_s=1.0), lasting)) or 0) <= 130


# ------------------------------------------------------------------ the false-alarm rule


def test_the_evidence_keeps_its_level_where_one_look_in_four_is_an_excess() -> None:
    chance = random.Random(7)
    alarms = 0
    for _ in range(4000):
        evidence, highest = LastingEvidence(54), 0.0
        for _ in range(54):
            evidence.add(chance.random() < 0.25)
            highest = max(highest, evidence.log_e)
        alarms += highest >= 4.605
    assert alarms <= 40  # 1 % of 4,000


def _noisy(seed: int, deviation: float, memory: float) -> Series:
    """Lognormal noise that remembers its last value; a pause of up to 20 s at ten times the value now and then."""
    chance, state, paused = random.Random(seed), 0.0, 0
    values = []
    for _ in range(61):
        state = memory * state + (1 - memory**2) ** 0.5 * chance.gauss(0, deviation)
        paused = paused - 1 if paused > 0 else chance.choice((1, 2)) if chance.random() < 0.02 else 0
        values.append(40 * 2.718281828**state * (10 if paused else 1))
    return lambda tick: values[tick]


@pytest.mark.parametrize(("deviation", "memory"), [(0.1, 0.0), (0.25, 0.0), (0.25, 0.5)])
def test_noise_memory_and_pauses_raise_few_false_alarms(deviation: float, memory: float) -> None:
    guard = replace(CONNECTIONS, limit=None)
    alarms = 0
    for seed in range(300):
        seen = samples("db connections", _noisy(2 * seed, deviation, memory), _noisy(2 * seed + 1, deviation, memory))
        alarms += fires(judged(plan(guard), seen)) is not None
    assert alarms <= 3  # 1 %


def test_instances_that_wander_apart_for_minutes_are_an_excess_that_lasts_but_only_holds() -> None:
    guard = replace(CONNECTIONS, limit=None)
    alarms = 0
    for seed in range(100):
        seen = samples("db connections", _noisy(2 * seed, 0.2, 0.9), _noisy(2 * seed + 1, 0.2, 0.9))
        found = judged(plan(guard), seen)
        alarms += fires(found) is not None
        assert all(verdict.action is not Action.ROLLBACK for _, verdict in found)
    assert alarms <= 20


def test_twice_controls_value_is_found_in_the_noise() -> None:
    guard = replace(CONNECTIONS, limit=None)
    ticks = []
    for seed in range(100):
        loud = _noisy(2 * seed, 0.1, 0.0)
        seen = samples("db connections", lambda t, loud=loud: 2 * (loud(t) or 0), _noisy(2 * seed + 1, 0.1, 0.0))
        ticks.append(fires(judged(plan(guard), seen)))
    found = [tick for tick in ticks if tick is not None]
    assert len(found) == 100
    assert sorted(found)[90] <= 20


# ------------------------------------------------------------------ without concurrent control


def _alone(before: float | None, canary: float = 60.0) -> list[tuple[Finding, Verdict]]:
    known = () if before is None else (GuardBaseline("db connections", before, 100.0, 90),)
    baseline = Baseline(requests=10_000, errors=0, guards=known)
    seen = samples("db connections", lambda t: canary + t % 2, lambda _: None, pace=(100.0, 0.0))
    return judged(plan(CONNECTIONS, weight=100.0), seen, baseline)


def test_at_100_percent_control_is_what_it_was_before() -> None:
    found = _alone(30.0)
    tick = fires(found)
    assert tick is not None
    assert found[tick][0].shows == "guard-worse"
    assert "against 30 in control before" in found[tick][0].sentence
    assert _alone(50.0)[-1][1].action is Action.PROMOTE
    assert _alone(85.0, canary=85.0)[-1][0].shows == "guard-shared"


def test_at_100_percent_without_a_recorded_value_it_is_not_known() -> None:
    finding, verdict = _alone(None)[-1]
    assert finding.action is Action.WATCH
    assert verdict.action is Action.HOLD
    assert "guard db connections not known: no concurrent control" in verdict.reason


def test_the_recorded_value_is_controls_median_while_it_served() -> None:
    served = samples("db connections", lambda _: 1, lambda t: 900 if t == 5 else 30, ticks=20)
    idle = [
        replace(one, phase=1, at=one.at + 1000, reading=replace(one.reading, control=Counters(200.0, 0.0)))
        for one in samples("db connections", lambda _: 1, lambda _: 2, ticks=60)
    ]
    (known,) = baseline_of([*served, *idle], plan(CONNECTIONS)).guards
    assert known.value == 30
    assert known.load == pytest.approx(10)


# ------------------------------------------------------------------ missing data


@pytest.mark.parametrize(
    ("canary", "control", "why"),
    [
        (lambda _: None, lambda t: 30 + t % 2, "the canary has no series"),
        (lambda _: NAN, lambda t: 30 + t % 2, "the canary is not a number"),
        (lambda t: 30 + t % 2, lambda _: NAN, "control is not a number"),
        (lambda t: 30 + t % 2 if t < 45 else None, lambda _: 30, "the canary has no series"),
        (lambda t: 30 + t % 2 if t % 3 else None, lambda _: 30, "too little data: the canary has no series"),
        (
            lambda _: 30,
            lambda t: 30 if t % 3 else None,
            "too little data: control has no series (40 of 60 ticks usable)",
        ),
    ],
)
def test_missing_data_is_watched_while_young_and_holds_at_the_end(canary: Series, control: Series, why: str) -> None:
    found = judged(plan(CONNECTIONS), samples("db connections", canary, control))
    assert found[5][1].action is Action.WATCH
    finding, verdict = found[-1]
    assert (finding.action, verdict.action) == (Action.WATCH, Action.HOLD)
    assert verdict.reason.startswith("the time is over and this is not known: ")
    assert f"guard db connections not known: {why}" in verdict.reason


def test_a_source_that_does_not_answer_is_named() -> None:
    seen = samples("db connections", lambda _: 1, lambda _: 1)
    fault = (GuardLevels("db connections", fault="has no answer: prom is away"),)
    dead = [replace(one, reading=replace(one.reading, guards=fault)) for one in seen]
    _, verdict = judged(plan(CONNECTIONS), dead)[-1]
    assert verdict.action is Action.HOLD
    assert (
        "guard db connections not known: the canary has no answer: prom is away (0 of 60 ticks usable)"
        in verdict.reason
    )


def test_samples_of_before_guards_still_judge_as_not_known() -> None:
    seen = [replace(one, reading=replace(one.reading, guards=())) for one in samples("x", lambda _: 1, lambda _: 1)]
    assert "was not read" in judged(plan(CONNECTIONS), seen)[-1][1].reason


# ------------------------------------------------------------------ whatever a source may answer

ODD = st.sampled_from([0.0, -0.0, 1.0, -5.0, 30.0, 1e-300, 1e15, 1e300, float("inf"), -float("inf"), NAN])
LEVELS = st.lists(st.builds(Level, st.sampled_from(["a", "b", ""]), ODD, st.integers(1, 60)), max_size=3).map(tuple)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["gauge", "counter", "rate"]),
    per=st.sampled_from(["instance", "total", "request"]),
    weight=st.sampled_from([50.0, 100.0]),
    seen=st.lists(st.tuples(LEVELS, LEVELS, ODD, ODD, ODD), min_size=8, max_size=20),
)
def test_no_answer_of_a_source_breaks_the_judge(kind: Kind, per: Per, weight: float, seen: list[Any]) -> None:
    guard = replace(CONNECTIONS, kind=kind, per=per)
    its_plan = plan(guard, weight=weight, watch_s=60.0)
    its_plan = replace(its_plan, measures=replace(its_plan.measures, tickets=TicketMetric("s", "t")))
    rows = [
        Sample(0, tick, 10.0 * (tick // 2), Reading(Counters(mine, 0.0), Counters(theirs, 0.0), "", (levels,), tickets))
        for tick, (canary, control, mine, theirs, tickets) in enumerate(seen)
        for levels in [GuardLevels(guard.name, canary, control)]
    ]
    judge = Judge(its_plan, 0, baseline_of(rows, its_plan))
    for row in rows:
        verdict = judge.observe(from_json(Sample, to_json(row)))
        assert all(one.sentence for one in verdict.findings)
        assert from_json(Verdict, to_json(verdict)).action is verdict.action
    assert comparison(its_plan, tally(rows, its_plan.measures)).rows
