"""When going back would bring the outage back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.counters import Counts
from pilotage.core.leastbad import outage_comes_back
from tests.core.worlds import plan

PLAN = plan(known_bad=True)
SICK = Counts(1000, 450, None, 500, 450)


def test_a_fix_that_fails_less_than_the_outage_is_not_taken_back_into_it() -> None:
    assert PLAN.known_bad
    said = outage_comes_back(PLAN, Counts(200, 8), SICK, concurrent=True)
    assert said == (
        f"45.0% of the requests fail on {PLAN.previous} now, 4.0% on {PLAN.version}: "
        "going back would bring the outage back"
    )


def test_a_fix_that_fails_more_than_the_outage_is_taken_back() -> None:
    assert outage_comes_back(PLAN, Counts(200, 120), SICK, concurrent=True) == ""


def test_failures_that_are_no_errors_count_as_failures_of_the_old_version() -> None:
    silent = Counts(1000, 3, None, 500, 400)
    assert "40.0% of the requests fail" in outage_comes_back(PLAN, Counts(200, 8), silent, concurrent=False)


def test_a_healthy_old_version_is_always_gone_back_to() -> None:
    assert outage_comes_back(PLAN, Counts(1000, 100), Counts(1000, 3), concurrent=True) == ""
    assert outage_comes_back(replace(PLAN, known_bad=False), Counts(200, 8), SICK, concurrent=True) == ""


def test_what_is_not_surely_worse_is_gone_back_to() -> None:
    assert outage_comes_back(PLAN, Counts(60, 2), Counts(60, 5), concurrent=True) == ""


def test_too_few_requests_show_nothing() -> None:
    assert outage_comes_back(PLAN, Counts(10, 0), SICK, concurrent=True) == ""


COUNTS = st.integers(50, 5000).flatmap(
    lambda n: st.builds(
        lambda errors, total, bad: Counts(n, min(errors, n), None, total, min(bad, total)),
        st.integers(0, 5000),
        st.integers(0, 5000),
        st.integers(0, 5000),
    )
)


@given(COUNTS, COUNTS)
def test_it_is_never_said_of_an_old_version_that_fails_less(canary: Counts, stable: Counts) -> None:
    if outage_comes_back(PLAN, canary, stable, concurrent=True):
        old = max(stable.errors, min(stable.bug_bad, stable.requests)) / stable.requests
        assert old > canary.errors / canary.requests
        assert old > PLAN.limits.errors_trigger
