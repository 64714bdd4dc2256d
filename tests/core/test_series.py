"""A rollout's series: the judge's own numbers, bounded however long it lasts, and no peak lost."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.evidence import wilson
from pilotage.core.histograms import quantile_and_interval
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Finding, Phase, Plan, Reading, Sample, Verdict
from pilotage.core.series import Charts, Line, Row, Series, charts_of, thinned
from tests.core.worlds import Group, plan, samples


def world(ticks: int, most: int = 240) -> tuple[list[Sample], list[Verdict], Charts]:
    its = plan(known_bad=True)
    judge = Judge(its, 0, Baseline())
    seen = list(samples(Group(5, 0.2), Group(45, 0.1, bug=0.4), ticks=ticks))
    verdicts = [judge.observe(one) for one in seen]
    told = charts_of(its, seen, {(0, one.tick): verdict for one, verdict in zip(seen, verdicts, strict=True)}, most)
    return seen, verdicts, told


def line(lines: tuple[Line, ...], name: str) -> Line:
    return next(one for one in lines if one.name == name)


def close(a: float | None, b: float | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-5))


def test_every_metric_of_the_plan_has_a_line_under_its_own_name() -> None:
    _, _, told = world(10)
    assert [(one.name, one.label, one.unit) for one in told.values] == [
        ("errors", "error rate", "share"),
        ("bug", "null pointer", "share"),
        ("p95", "p95", "s"),
        ("p50", "p50", "s"),
        ("p99", "p99", "s"),
        ("rps", "requests per second", "/s"),
    ]
    assert [one.name for one in told.evidence] == ["errors", "errors limit", "bug", "p95"]


def test_the_values_and_the_interval_are_the_judges_own() -> None:
    seen, verdicts, told = world(30)
    drawn = line(told.values, "errors")
    for tick, verdict in enumerate(verdicts):
        finding = next((one for one in verdict.findings if one.metric == "errors"), None)
        if finding is None or finding.canary is None:
            continue
        place = drawn.at.index(seen[tick].at)
        for column in ("canary", "control", "low", "high"):
            assert close(drawn.columns[column][place], getattr(finding, column))


def test_the_evidence_is_beside_the_limit_from_which_on_it_decides() -> None:
    _, verdicts, told = world(30)
    drawn = line(told.evidence, "errors limit")
    last = next(one for one in verdicts[-1].findings if one.metric == "errors limit")
    assert close(drawn.columns["log_e"][-1], last.evidence)
    assert close(drawn.columns["limit"][-1], math.log(100))
    assert told.turn is verdicts[-1].action
    assert told.turn_at == 300.0


def test_p50_and_p99_are_of_the_phase_so_far_with_their_order_statistics() -> None:
    seen, _, told = world(20)
    first, last = seen[0].reading.canary, seen[-1].reading.canary
    assert first is not None
    assert last is not None
    assert first.latency is not None
    assert last.latency is not None
    apart = [b - a for a, b in zip(first.latency.counts, last.latency.counts, strict=True)]
    whole = replace(last.latency, counts=tuple(apart))
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        known = quantile_and_interval(whole, q)
        assert known is not None
        drawn = line(told.values, name).columns
        for column, value in zip(("canary", "low", "high"), known, strict=True):
            assert close(drawn[column][-1], value)


def test_requests_per_second_are_of_the_tick() -> None:
    _, _, told = world(5)
    drawn = line(told.values, "rps")
    assert drawn.columns["canary"] == (5.0,) * 5
    assert drawn.columns["control"] == (45.0,) * 5


def two_phases() -> tuple[Plan, list[Sample]]:
    its = plan()
    baseline = Phase("baseline", 0.0, (), 60.0, 10.0, judged=False)
    its = replace(its, phases=(baseline, its.phases[0]))
    seen = list(samples(Group(5, 0.2), Group(45, 0.1), ticks=9))
    first = [replace(one, reading=Reading(None, one.reading.control)) for one in seen[:4]]
    second = [replace(one, phase=1, tick=one.tick - 4) for one in seen[4:]]
    return its, first + second


def test_a_phase_that_is_not_judged_shows_control_by_the_same_formulas() -> None:
    its, seen = two_phases()
    told = charts_of(its, seen, {})
    drawn = line(told.values, "errors")
    assert drawn.columns["canary"][0] is None
    assert drawn.columns["control"][0] is not None
    before, after = seen[0].reading.control, seen[1].reading.control
    assert before is not None
    assert after is not None
    assert close(drawn.columns["control"][0], (after.errors - before.errors) / (after.requests - before.requests))
    mine = seen[-1].reading.canary
    start = seen[4].reading.canary
    assert mine is not None
    assert start is not None
    low, high = wilson(mine.errors - start.errors, mine.requests - start.requests)
    assert close(drawn.columns["low"][-1], low)
    assert close(drawn.columns["high"][-1], high)


def test_phases_are_told_with_their_boundaries_and_lines_have_a_gap_there() -> None:
    its, seen = two_phases()
    told = charts_of(its, seen, {})
    assert [(one.name, one.judged, one.begin, one.end) for one in told.spans] == [
        ("baseline", False, 0.0, 30.0),
        ("10 %", True, 40.0, 90.0),
    ]
    drawn = line(told.values, "errors")
    gap = drawn.at.index(40.0)  # half way between the last point of one and the first of the other
    assert all(column[gap] is None for column in drawn.columns.values())


def test_a_tick_with_faulty_data_is_a_gap_in_the_rate_of_requests_only() -> None:
    seen = list(samples(Group(5, 0.0), Group(45, 0.0), ticks=5))
    seen[2] = replace(seen[2], reading=Reading(fault="the page did not answer"))
    told = charts_of(plan(), seen, {})
    assert line(told.values, "rps").at == (10.0, 30.0, 40.0, 50.0)
    assert line(told.values, "rps").columns["control"] == (45.0,) * 4


def test_a_day_is_as_small_as_an_hour_and_its_peak_is_there() -> None:
    its = replace(plan(), phases=(replace(plan().phases[0], watch_s=86400.0),))
    series = Series(its, 100)
    for tick in range(8640):
        log_e = 7.5 if tick == 1234 else 3.0 if tick == 8000 else math.sin(tick / 50)
        finding = Finding("errors", Action.PROMOTE, "", 0.1, 0.1, 0.0, 0.2, 9, log_e, 4.6)
        series.take(Sample(0, tick, tick * 10.0, Reading()), Verdict(Action.WATCH, "", (finding,)))
    drawn = line(series.charts().evidence, "errors")
    assert len(drawn.at) <= 100
    assert drawn.columns["log_e"][drawn.at.index(12340.0)] == 7.5
    assert drawn.columns["log_e"][drawn.at.index(80000.0)] == 3.0
    assert 0.4 < sum(at < 43200 for at in drawn.at) / len(drawn.at) < 0.6, "no half is coarser than the other"


def test_only_what_is_later_is_told_to_who_has_the_rest() -> None:
    its = plan()
    series = Series(its)
    for one in samples(Group(5, 0.2), Group(45, 0.1), ticks=9):
        series.take(one, Verdict(Action.WATCH, ""))
    assert line(series.charts(after=75.0).values, "errors").at == (80.0, 90.0)


def test_a_clock_that_is_set_back_does_not_turn_the_line_back() -> None:
    seen = list(samples(Group(5, 0.0), Group(45, 0.0), ticks=5))
    seen[3] = replace(seen[3], at=5.0)
    drawn = line(charts_of(plan(), seen, {}).values, "errors")
    assert list(drawn.at) == sorted(drawn.at)


rows = st.lists(
    st.tuples(
        st.floats(0, 1e9),
        st.integers(0, 30),
        st.tuples(
            *[st.none() | st.floats(allow_nan=True, allow_infinity=True)] * 2, *[st.none() | st.floats(0, 1)] * 2
        ),
    ),
    max_size=400,
).map(lambda found: sorted(found, key=lambda one: (one[1], one[0])))


@settings(max_examples=200, deadline=None)
@given(rows, st.integers(40, 300))
def test_thinning_keeps_the_bound_the_order_and_every_extreme(found: list[Row], most: int) -> None:
    instants = sorted(at for at, _, _ in found)
    found = [(at, phase, values) for at, (_, phase, values) in zip(instants, found, strict=True)]
    kept = thinned(found, most)
    gaps = sum(a[1] != b[1] for a, b in pairwise(kept))
    assert len(kept) + gaps <= most
    assert [id(one) for one in kept] == [id(one) for one in found if any(one is other for other in kept)]
    for column in (0, 1):
        for extreme in (min, max):
            every = [v for row in found if (v := row[2][column]) is not None and not math.isnan(v)]
            if every:
                assert extreme(every) in [row[2][column] for row in kept]


numbers = st.none() | st.floats()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(numbers, numbers, numbers, numbers, numbers, numbers), max_size=30))
def test_whatever_a_finding_holds_the_series_hold_numbers_only(found: list[tuple[float | None, ...]]) -> None:
    series = Series(plan(), 40)
    for tick, (canary, control, low, high, evidence, limit) in enumerate(found):
        one = Finding("guard cpu", Action.WATCH, "", canary, control, low, high, 1.0, evidence, limit)
        series.take(Sample(0, tick, tick * 10.0, Reading()), Verdict(Action.WATCH, "", (one,)))
    told = series.charts()
    for drawn in (*told.values, *told.evidence):
        assert len(drawn.at) <= 40
        for column in drawn.columns.values():
            assert len(column) == len(drawn.at)
            assert all(value is None or math.isfinite(value) for value in column)
