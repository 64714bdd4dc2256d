from dataclasses import replace
from pathlib import Path

import pytest

from pilotage.core.model import Cohort, DriverRef, Plan, Step, Strategy, Target, Way
from pilotage.core.strategies import (
    AfterSpec,
    PhaseSpec,
    Rhythm,
    blue_green,
    canary,
    redeploy,
    rollback,
    rolling,
)
from pilotage.core.underway import in_force, renewed_before, share_of, ways_back
from pilotage.planfile import load
from tests import stage

REF = DriverRef("shell", {})
TARGETS = (Target("script", "deploy", REF), Target("proxy", "traffic", REF), Target("flag", "traffic", REF))
SPECS = (PhaseSpec(10, 600, approval=True), PhaseSpec(50, 600), PhaseSpec(100, 1800))


def test_a_canary_has_a_baseline_its_phases_and_the_watch_after():
    phases = canary(SPECS, TARGETS, version="2", rhythm=Rhythm(after=AfterSpec(3600, 60)))
    assert [one.name for one in phases] == ["baseline", "10 %", "50 %", "100 %", "after"]
    assert [one.weight for one in phases] == [0, 10, 50, 100, 100]
    assert [one.judged for one in phases] == [False, True, True, True, True]
    assert [one.tick_s for one in phases] == [10, 10, 10, 10, 60]
    assert phases[0].steps == phases[-1].steps == ()
    assert phases[1].approval


def test_the_first_real_phase_deploys_before_traffic_moves():
    phases = canary(SPECS, TARGETS, version="2")
    shift = (Step("proxy", "set_weight", weight=10), Step("flag", "set_weight", weight=10))
    assert phases[1].steps == (Step("script", "deploy", version="2"), *shift)
    assert [one.action for one in phases[2].steps] == ["set_weight", "set_weight"]


def test_a_baseline_of_zero_seconds_is_left_out():
    assert canary(SPECS, TARGETS, version="2", rhythm=Rhythm(baseline_s=0))[0].name == "10 %"


def test_rollback_goes_back_in_reverse_order_and_deploys_nothing():
    assert rollback(TARGETS) == (Step("flag", "set_weight", weight=0), Step("proxy", "set_weight", weight=0))


def test_a_phase_names_what_it_acts_on_and_a_deployer_waits_for_its_first_phase():
    regions = (
        *(Target(name, "deploy", REF) for name in ("script-eu", "script-us")),
        *(Target(name, "traffic", REF) for name in ("eu", "us")),
    )
    specs = [
        PhaseSpec(10, 60, on=("script-eu", "eu")),
        PhaseSpec(100, 60, on=("eu",)),
        PhaseSpec(100, 60, on=("script-us", "us")),
    ]
    phases = canary(specs, regions, version="2", rhythm=Rhythm(baseline_s=0))
    assert [[step.target for step in one.steps] for one in phases] == [["script-eu", "eu"], ["eu"], ["script-us", "us"]]
    assert [(one.name, one.weight, one.share_known) for one in phases] == [
        ("script-eu, eu 10 %", 5, False),
        ("eu 100 %", 50, False),
        ("script-us, us 100 %", 100, True),
    ]


def test_a_cohort_and_copies_go_only_to_the_splitters_that_can():
    cohort = Cohort("header", "X-Canary", ("yes",))
    offers = {"proxy": frozenset({"header", "mirror"}), "flag": frozenset({"user"})}
    specs = [PhaseSpec(0, 60, cohort=cohort, mirror=20), PhaseSpec(100, 60)]
    first, last = canary(specs, TARGETS, version="2", rhythm=Rhythm(baseline_s=0), offers=offers)
    assert first.name == "header X-Canary + 20 % copied"
    assert first.steps[1:] == (
        Step("proxy", "set_weight", weight=0, cohort=cohort, mirror=20),
        Step("flag", "set_weight", weight=0),
    )
    assert (first.share_known, last.share_known) == (False, True)
    assert [(step.cohort, step.mirror) for step in last.steps] == [(None, 0), (None, 0)]


def test_blue_green_tests_the_idle_colour_before_it_switches_and_keeps_the_old_one_warm():
    smoke = Target("smoke", "deploy", REF)
    spec = PhaseSpec(100, 1800, approval=True)
    phases = blue_green(
        spec, TARGETS, [smoke], live="blue", idle="green", version="2", rhythm=Rhythm(after=AfterSpec(3600))
    )
    assert [one.name for one in phases] == ["baseline", "test green", "switch to green", "blue kept warm"]
    assert [(one.weight, one.judged, one.approval) for one in phases[1:]] == [
        (0, False, False),
        (100, True, True),
        (100, True, False),
    ]
    assert [(step.target, step.action, step.patient) for step in phases[1].steps] == [
        ("script", "deploy", True),
        ("smoke", "deploy", False),
    ]
    assert [step.weight for step in phases[2].steps] == [100, 100]


def servers(*names: str) -> list[tuple[Target, int]]:
    return [(Target(name, "deploy", REF), name.count("+") + 1) for name in names]


def test_rolling_has_a_phase_for_each_batch_and_no_patience_with_one_that_fails():
    phases = rolling(servers("a+b", "c+d", "e"), watch_s=60, approvals="second", version="2")
    assert [(one.name, one.weight) for one in phases] == [("baseline", 0), ("a+b", 40), ("c+d", 80), ("e", 100)]
    assert [one.approval for one in phases] == [False, False, True, False]
    assert phases[2].steps == (Step("c+d", "deploy", version="2", patient=False),)
    each = rolling(servers("a", "b", "c"), watch_s=60, approvals="each", version="2")
    assert [one.approval for one in each] == [False, False, True, True]


def compiled() -> Plan:
    text = stage.PLAN.format(service="shop", phases=stage.PHASES, hold="20s", then="rollback", more="", port=1)
    return load(text, directory=Path("."))


def rolled(*names: str) -> Plan:
    plan = compiled()
    batches = servers(*names)
    targets = tuple(target for target, _ in batches)
    phases = rolling(batches, watch_s=60, approvals="none", version=plan.version)
    way = Way("redeploy", redeploy(targets, plan.previous), ordered=False)
    return replace(
        plan, strategy=Strategy.ROLLING, targets=targets, phases=phases, rollback=replace(plan.rollback, ways=(way,))
    )


@pytest.mark.parametrize(("phase", "undone"), [(0, []), (1, ["a"]), (2, ["b", "a"]), (3, ["c", "b", "a"])])
def test_a_rolling_deployment_undoes_what_it_has_come_to_the_last_one_first(phase: int, undone: list[str]):
    (way,) = ways_back(rolled("a", "b", "c"), phase)
    assert [step.target for step in way.steps] == undone


def test_its_share_is_that_of_the_servers_which_have_the_new_version_whatever_the_order():
    plan = rolled("a+b", "c", "d")
    assert [share_of(plan, one) for one in ((), ("a+b",), ("d",), ("a+b", "d"), ("a+b", "c", "d"))] == [
        0,
        50,
        25,
        75,
        100,
    ]
    assert [renewed_before(plan, phase) for phase in (0, 1, 3)] == [set(), set(), {"a+b", "c"}]
    assert share_of(compiled(), ("splitter",)) is None


def test_two_phases_that_say_the_same_have_names_of_their_own():
    cohort = Cohort("header", "X-Canary", ("yes",))
    specs = [PhaseSpec(0, 60, cohort=cohort), PhaseSpec(0, 60, cohort=cohort), PhaseSpec(100, 60)]
    phases = canary(specs, TARGETS, version="2", rhythm=Rhythm(baseline_s=0))
    assert [one.name for one in phases] == ["header X-Canary", "header X-Canary (2)", "100 %"]


def test_in_force_is_what_the_phases_so_far_have_set_and_nothing_before():
    plan = compiled()
    assert [in_force(plan, phase)["splitter"].weight for phase in range(len(plan.phases))] == [0, 10, 50, 100]
