"""The neighbours' rules do what their documentation says, on cases made by hand."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks.judge.plots import false_rollbacks, times_to_find
from benchmarks.judge.rules import Minute, argo, flagger, is_high, kayenta
from benchmarks.judge.run import RULES, row, table, theory
from benchmarks.judge.worlds import SCENARIOS


def rates(*canary: float | None, control: float = 0.01) -> list[Minute]:
    return [Minute(one, control + 0.0001 * place) for place, one in enumerate(canary)]


def test_argo_fails_when_more_than_the_limit_of_measurements_failed() -> None:
    assert argo([rates(0.1, 0, 0, 0.1, 0)], [0.02]) == 4
    assert argo([rates(0.1, 0, 0, 0, 0)], [0.02]) is None
    assert argo([rates(None, None, None, None, None)], [0.02]) == 5


def test_flagger_rolls_back_at_the_fifth_failed_check_and_no_value_fails_one() -> None:
    assert flagger([rates(0.1, 0.1, 0, 0.1, None, 0.1, 0)], [0.01]) == 6
    assert flagger([rates(0.1, 0.1, 0.1, 0.1, 0)], [0.01]) is None


def test_kayenta_calls_a_clear_shift_high_and_a_small_one_not() -> None:
    assert is_high(rates(0.05, 0.06, 0.055, 0.07, 0.052, 0.058))
    assert not is_high(rates(0.01, 0.011, 0.009, 0.0105, 0.0098, 0.0101))
    assert not is_high(rates(None, None))
    assert not is_high([Minute(0.0, 0.0)] * 8)


def test_kayenta_starts_at_minute_five_and_scores_all_metrics_together() -> None:
    bad, good = rates(*[0.05 + 0.001 * one for one in range(10)]), rates(*[0.01 + 0.0001 * one for one in range(10)])
    assert kayenta([bad]) == 5
    assert kayenta([bad, good]) == 5
    assert kayenta([bad, good, good, good, good]) == 10  # 80: marginal, not good enough at the end
    assert kayenta([good]) is None


def test_kayenta_keeps_outliers_so_errors_in_few_minutes_still_count() -> None:
    # Mostly silent minutes: removing what is beyond three interquartile ranges would leave nothing but zeros.
    sparse = [Minute(0.3 if place < 8 else 0.0, 0.0 if place else 0.01) for place in range(10)]
    assert is_high(sparse)
    assert not is_high([Minute(0.3 if place < 2 else 0.0, 0.0 if place else 0.01) for place in range(10)])


def test_kayenta_passes_a_shift_whose_mean_is_not_higher() -> None:
    shifted = [0.020, 0.021, 0.022, 0.023, 0.024, 0.025, 0.026, 0.027, 0.028, 0.029]
    control = [0.010, 0.011, 0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018]
    assert is_high([Minute(mine, theirs) for mine, theirs in zip(shifted, [*control, 0.019], strict=True)])
    assert not is_high([Minute(mine, theirs) for mine, theirs in zip(shifted, [*control, 0.9], strict=True)])


def test_kayenta_fails_when_half_the_metrics_have_no_data_and_ignores_fewer() -> None:
    nothing, good = rates(*[None] * 10), rates(*[0.01 + 0.0001 * one for one in range(10)])
    assert kayenta([nothing]) == 5
    assert kayenta([nothing, good]) == 5
    assert kayenta([nothing, good, good]) is None


def test_the_limit_of_theory_for_five_times_the_errors_is_about_a_minute() -> None:
    scenario = next(one for one in SCENARIOS if one.name == "errors x5, 58/s")
    assert theory(scenario) == pytest.approx(79, abs=1)


def test_a_row_becomes_a_line_of_the_table_and_a_mark_in_the_pictures() -> None:
    chosen = [one for one in SCENARIOS if one.name in ("healthy, 10/s", "20 % errors, 58/s")]
    rows = [row(one, 3, 1) for one in chosen]
    lines = table(rows)
    assert len({line.count("|") for line in lines}) == 1
    assert "s (100%)" in lines[-1]
    for picture in (false_rollbacks(rows[:1], RULES), times_to_find(rows[1:], RULES)):
        ElementTree.fromstring(picture)
