from pilotage.core.model import DriverRef, Step, Target
from pilotage.core.strategies import AfterSpec, PhaseSpec, Rhythm, canary, rollback

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
