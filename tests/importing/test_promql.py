"""How far PromQL and conditions are understood, and that the rest is left alone."""

from __future__ import annotations

import pytest

from pilotage.importing.conditions import Bound, bound, opposite
from pilotage.importing.promql import Ratio, bad_of, histogram, ratio


def split(query: str, good_above: bool) -> tuple[str, str]:
    found = ratio(query)
    assert isinstance(found, Ratio)
    return bad_of(found, good_above)


def test_the_matcher_that_makes_the_difference_is_turned_round() -> None:
    query = 'sum(irate(a{x="1",code!~"5.*"}[5m])) / sum(irate(a{x="1"}[5m]))'
    assert split(query, True) == ('sum(a{x="1"})', 'sum(a{x="1",code=~"5.*"})')


def test_a_ratio_of_failures_is_taken_as_it_is() -> None:
    assert split('sum(rate(a{code=~"5.."}[5m])) / sum(rate(a[5m]))', False) == ("sum(a)", 'sum(a{code=~"5.."})')


def test_other_good_counters_are_taken_from_all() -> None:
    other = split("sum(rate(good[5m])) / sum(rate(every[5m]))", True)
    assert other == ("sum(every)", "sum(every) - (sum(good) or 0 * sum(every))")
    positive = split('sum(rate(a{code=~"2.."}[5m])) / sum(rate(a[5m]))', True)
    assert positive == ("sum(a)", 'sum(a) - (sum(a{code=~"2.."}) or 0 * sum(a))')


@pytest.mark.parametrize(
    "query", ["(sum(rate(a[5m])) / sum(rate(b[5m]))) * 100", "100 * sum(rate(a[5m])) / sum(rate(b[5m]))"]
)
def test_percent_is_seen_where_it_is_plain(query: str) -> None:
    found = ratio(query)
    assert found is None or found.scale == 100


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(a[5m])) by (pod) / sum(rate(b[5m])) by (pod)",
        "sum(rate(a[5m])) / sum(rate(b[5m])) / sum(rate(c[5m]))",
        "sum(rate(a[5m])) / sum(rate(b[5m])) or vector(0)",
        "avg(rate(a[5m])) / avg(rate(b[5m]))",
        "sum(a) / sum(b)",
        "sum(rate(a[5m] offset 1w)) / sum(rate(b[5m]))",
        '"a/b"',
        'sum(rate(a{x="}"}[5m])',
        "",
    ],
)
def test_what_is_no_plain_ratio_is_left_alone(query: str) -> None:
    assert ratio(query) is None


def test_a_slash_and_braces_in_quotes_are_text() -> None:
    query = 'sum(rate(a{path="/x/{y}",code!="500"}[5m])) / sum(rate(a{path="/x/{y}"}[5m]))'
    assert split(query, True)[1] == 'sum(a{path="/x/{y}",code="500"})'


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ('histogram_quantile(0.99, sum(rate(a_seconds_bucket{x="1"}[1m])) by (le))', "s"),
        ("histogram_quantile(0.95, sum by (le) (rate(a_milliseconds_bucket[1m])))", "ms"),
        ("histogram_quantile(0.5, sum by(le)(rate(a_bucket[1m]))) * 1000", ""),
    ],
)
def test_a_quantile_names_its_buckets_and_their_unit(query: str, unit: str) -> None:
    found = histogram(query)
    assert found is not None
    assert found.unit == unit


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("result[0] >= 0.95", Bound("least", 0.95)),
        ("result < 5", Bound("most", 5)),
        ("0.95 <= result[0]", Bound("least", 0.95)),
        ("default(result, 0) < 10", Bound("most", 10)),
        ("len(result) == 0 || result[0] >= 0.95", Bound("least", 0.95, True)),
        ("isNaN(result) || result >= 0.95", Bound("least", 0.95, True)),
        ("len(result) > 0 && result[0] >= 0.95", Bound("least", 0.95)),
        ("result == true", None),
        ("result[0] >= 0.95 && result[1] < 3", None),
        ("all(result, # < 1000)", None),
        ("result.ok", None),
        ("", None),
    ],
)
def test_a_condition_is_one_bound_or_left_to_a_person(condition: str, found: Bound | None) -> None:
    assert bound(condition) == found


def test_a_failure_below_is_a_success_above() -> None:
    assert opposite(Bound("most", 0.9)) == Bound("least", 0.9)
