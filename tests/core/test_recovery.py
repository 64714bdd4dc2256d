"""Are the metrics what they were? After a rollback, and when a follow-up looks again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core.counters import Counts
from pilotage.core.model import Baseline, Counters, Histogram, Reading
from pilotage.core.recovery import Window, back, fix_holds, no_worse
from tests.core.worlds import plan

PLAN = plan(known_bad=True)
HEALTHY = replace(PLAN, known_bad=False)
FAST = Histogram((0.01, 0.1, 1.0, float("inf")), (900.0, 90.0, 10.0, 0.0))
BASE = Baseline(10_000, 30, Histogram(FAST.bounds, tuple(10 * one for one in FAST.counts)), 5000, 0)


def window(canary: Counts, control: Counts, seconds: float = 60.0) -> Window:
    """Two readings: what both groups did between them."""
    one = Window(seconds)
    for at, share in ((0.0, 0.0), (10.0, 1.0)):
        one.take(at, Reading(*(counters(group, share) for group in (canary, control))))
    return one


def counters(group: Counts, share: float) -> Counters:
    latency = None
    if group.latency is not None:
        latency = Histogram(group.latency.bounds, tuple(one * share for one in group.latency.counts))
    bug = (group.bug_total * share, group.bug_bad * share)
    return Counters(group.requests * share, group.errors * share, latency, *bug)


def test_the_old_version_serves_again_as_before() -> None:
    look = back(HEALTHY, BASE, window(Counts(latency=FAST), Counts(1000, 3, FAST)))
    assert look.holds
    assert look.text.startswith("errors 0.30% (0.10% to 0.88%, n 1000), as the baseline's 0.30%; p95")


def test_errors_above_the_baselines_are_not_back() -> None:
    look = back(HEALTHY, BASE, window(Counts(latency=FAST), Counts(1000, 40, FAST)))
    assert look.holds is False
    assert "errors 4.00%" in look.text
    assert "against the baseline's 0.30%" in look.text


def test_slower_than_the_baseline_is_not_back() -> None:
    slow = Histogram(FAST.bounds, (100.0, 100.0, 800.0, 0.0))
    look = back(HEALTHY, BASE, window(Counts(latency=FAST), Counts(1000, 3, slow)))
    assert look.holds is False
    assert look.text.startswith("p95")


def test_requests_that_still_reach_the_new_version_are_not_back() -> None:
    look = back(HEALTHY, BASE, window(Counts(100, 0, FAST), Counts(1000, 3, FAST)))
    assert look.holds is False
    assert look.text == f"100 requests still reach {PLAN.version}"


def test_too_few_requests_or_none_at_all_say_nothing() -> None:
    assert back(HEALTHY, BASE, window(Counts(), Counts(10, 0))).holds is None
    silent = Window(60.0)
    silent.take(0.0, Reading(fault="the metrics source failed: gone"))
    look = back(HEALTHY, BASE, silent)
    assert (look.holds, look.text) == (None, "the metrics source failed: gone")


def test_a_sick_old_version_is_back_and_that_is_said() -> None:
    sick = Baseline(10_000, 4500, BASE.latency, 5000, 4500)
    look = back(PLAN, sick, window(Counts(latency=FAST), Counts(1000, 450, FAST)))
    assert look.holds
    assert look.sick
    assert look.text.endswith(f"That is the sick state of before: {PLAN.previous} still has the bug")


@pytest.mark.parametrize(("errors", "bad", "holds"), [(0, 0, True), (40, 0, False), (0, 60, False)])
def test_a_fix_holds_while_errors_and_the_bug_stay_below_their_limits(errors: int, bad: int, holds: bool) -> None:
    look = fix_holds(PLAN, window(Counts(1000, errors, FAST, 500, bad), Counts()), "canary")
    assert look.holds is holds
    assert "above" in look.text


def test_a_fix_of_which_nothing_was_counted_cannot_be_told() -> None:
    assert fix_holds(PLAN, window(Counts(1000, 0, FAST, 0, 0), Counts()), "canary").holds is None


def test_delayed_effects_show_against_the_baseline() -> None:
    assert no_worse(PLAN, BASE, window(Counts(1000, 3, FAST), Counts()), "canary").holds
    assert no_worse(PLAN, BASE, window(Counts(1000, 50, FAST), Counts()), "canary").holds is False


def test_only_the_last_seconds_count() -> None:
    one = Window(30.0)
    for at, errors in ((0.0, 0.0), (10.0, 500.0), (20.0, 500.0), (60.0, 500.0)):
        one.take(at, Reading(None, Counters(100 * at, errors)))
    assert (one.of("control").requests, one.of("control").errors) == (4000, 0)
