from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage import planfile
from pilotage.core.brief import parse
from pilotage.core.errors import PlanError
from pilotage.core.planning import draft, render_plan
from pilotage.core.power import smallest_visible

EXAMPLE = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)


def problems(text):
    with pytest.raises(PlanError) as caught:
        planfile.load(text, directory=Path("/"))
    return caught.value.problems


def test_the_plan_says_what_each_phase_gets_and_can_see():
    text = render_plan(draft(parse(EXAMPLE)))
    assert "10 % of 5M/day for 10 min = 3,472 requests: sees 0.3% -> 1.00% errors with 95 % power" in text


def test_the_plan_states_its_false_alarm_budget():
    text = render_plan(draft(parse(EXAMPLE)))
    assert "# False alarms: at most 1.00% for each of 4 kinds of evidence that roll back, in each of 4 judged" in text
    assert "together at most 16%" in text


def test_the_same_brief_gives_the_same_bytes():
    assert render_plan(draft(parse(EXAMPLE))) == render_plan(draft(parse(EXAMPLE)))


def test_what_the_brief_does_not_say_is_asked_for_and_nothing_else():
    found = problems(render_plan(draft(parse(EXAMPLE))))
    assert all("placeholder" in one.got and one.line for one in found), found
    assert {"version", "previous", "traffic[0].flag", "metrics.errors.total"} <= {one.path for one in found}
    assert "service" not in {one.path for one in found}


@pytest.mark.parametrize(("severity", "minutes"), [("P0", 10), ("P1", 15), ("P2", 30), ("", 30)])
def test_severity_sets_the_watch(severity, minutes):
    assert [one.watch_min for one in draft(parse(f"hot-fix {severity}")).phases] == [minutes, minutes, 30]


def test_a_conflict_is_written_into_the_plan():
    assert "# CONFLICT severity" in render_plan(draft(parse("hot-fix P0 or P1")))


def test_more_traffic_sees_smaller_regressions():
    assert smallest_visible(1e6, 0.1, 0.003) < smallest_visible(1e5, 0.1, 0.003)
    assert smallest_visible(5, 0.1, 0.003) is None


@given(st.text())
def test_any_brief_gives_a_readable_plan_with_only_placeholders_left(text):
    for one in problems(render_plan(draft(parse(text)))):
        assert "placeholder" in one.got or one.path == "strategy", one
