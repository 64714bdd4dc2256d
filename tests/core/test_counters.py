"""A bad reading costs its own tick, whatever is wrong with it, and nothing is counted twice."""

from __future__ import annotations

import math

import pytest

from pilotage.core.counters import Counts, Delta, Fault, Meter
from pilotage.core.model import Counters, Histogram, Instance, Reading, Sample
from pilotage.core.tally import baseline_of, totals

INF = math.inf
BOUNDS = (0.1, INF)


def full(n: float, e: float = 0.0, bug: float | None = 0.0) -> Counters:
    return Counters(n, e, Histogram(BOUNDS, (n, 0.0)), None if bug is None else n, bug)


def good(tick: int) -> Reading:
    return Reading(full(10.0 * tick), full(90.0 * tick))


def counted(readings: list[Reading], **meter: object) -> tuple[float, int]:
    """Requests of the canary counted in all, and faults."""
    taking = Meter(**meter)  # type: ignore[arg-type]
    steps = [taking.take(one) for one in readings]
    return sum(one.canary.requests for one in steps if isinstance(one, Delta)), sum(
        isinstance(one, Fault) for one in steps
    )


BROKEN = {
    "the source fails": Reading(fault="unreachable"),
    "NaN": Reading(full(math.nan), full(180)),
    "negative": Reading(full(-1), full(180)),
    "infinite": Reading(full(20), Counters(INF, 0)),
    "beyond belief": Reading(full(1e16), full(180)),
    "more errors than requests": Reading(full(20, 500), full(180)),
    "no latency": Reading(Counters(20, 0, None, 20, 0), full(180)),
    "a NaN bucket": Reading(Counters(20, 0, Histogram(BOUNDS, (math.nan, 0)), 20, 0), full(180)),
    "a broken histogram": Reading(Counters(20, 0, Histogram(BOUNDS, (1.0,)), 20, 0), full(180)),
    "no bug series": Reading(full(20, bug=None), full(180)),
    "no canary": Reading(None, full(180)),
    "no control": Reading(full(20), None),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_reading_costs_its_own_tick_and_no_request(broken: Reading) -> None:
    readings = [good(0), good(1), broken, good(3), good(4)]
    assert counted(readings) == (40.0, 1)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_first_reading_counts_nothing_of_the_time_before(broken: Reading) -> None:
    wanted = 40.0 if broken.canary is None and broken.control else 20.0  # a canary that is born begins at 0
    assert counted([broken, good(2), good(3), good(4)])[0] == wanted


def test_a_canary_that_was_there_before_is_lost_not_born() -> None:
    assert counted([Reading(None, full(90)), good(5), good(6)], canary_seen=True) == (10.0, 1)


def test_after_a_reset_the_counting_starts_again() -> None:
    assert counted([good(5), good(6), good(1), good(2), good(3)]) == (30.0, 1)


def test_with_all_traffic_the_canary_needs_no_control() -> None:
    alone = [Reading(full(10.0 * tick), None if tick > 2 else full(5)) for tick in range(6)]
    assert counted(alone, control="ignored") == (50.0, 0)


def pods(**counts: float) -> Reading:
    def group(names: dict[str, float]) -> Counters:
        each = tuple(Instance(name, full(n)) for name, n in names.items())
        total = sum(names.values())
        return Counters(total, 0, Histogram(BOUNDS, (total, 0.0)), total, 0, each)

    mine = {name: n for name, n in counts.items() if name.startswith("c")}
    theirs = {name: n for name, n in counts.items() if name.startswith("s")}
    return Reading(group(mine), group(theirs))


def test_instances_come_and_go_without_a_fault() -> None:
    readings = [
        pods(c1=0, s1=1000, s2=1000),
        pods(c1=10, s1=1010, s2=1010),
        pods(c1=20, s2=1020, s3=5000),  # s1 is gone, s3 is new with a long past
        pods(c1=30, s2=1030, s3=5010),
        pods(c1=40, c2=7000, s2=3, s3=5020),  # s2 began again, c2 is new
        pods(c1=50, c2=7010, s2=13, s3=5030),
    ]
    meter = Meter()
    steps = [one for one in map(meter.take, readings) if isinstance(one, Delta)]
    assert len(steps) == 5
    assert sum(one.canary.requests for one in steps) == 60
    assert [one.control.requests for one in steps] == [20, 10, 20, 10, 20]
    assert steps[1].control.cells == (("s2", 10.0, 0.0),)


def test_when_every_instance_began_again_that_is_a_fault() -> None:
    readings = [pods(c1=10, c2=10, s1=1, s2=1), pods(c1=1, c2=1, s1=2, s2=2), pods(c1=6, c2=6, s1=3, s2=3)]
    assert counted(readings) == (10.0, 1)


def test_a_restart_of_all_pods_under_new_names_is_a_fault_once() -> None:
    readings = [pods(c1=10, c2=10, s1=1, s2=1), pods(c3=5, c4=5, s1=2, s2=2), pods(c3=6, c4=6, s1=3, s2=3)]
    assert counted(readings) == (2.0, 1)


def test_the_totals_of_a_phase_survive_control_going_away() -> None:
    samples = [Sample(3, tick, tick * 10.0, Reading(full(10.0 * tick), None)) for tick in range(5)]
    assert totals(samples).canary.requests == 40


def test_the_baseline_keeps_control_minute_by_minute() -> None:
    samples = [Sample(0, tick - 3, tick * 60.0, good(tick)) for tick in range(6)]
    baseline = baseline_of(samples)
    assert (baseline.requests, len(baseline.minutes)) == (450.0, 5)
    assert baseline.minutes[0].cells == {"": (90.0, 0.0)}
    assert not baseline_of([Sample(0, -1, 0, good(1)), Sample(0, 0, 60, Reading(None, full(9)))]).canary_seen
    assert baseline_of([]).requests == Counts().requests
