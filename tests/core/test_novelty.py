"""New errors and rising ones: found when they are, and silent when both groups are alike."""

from __future__ import annotations

import random

import pytest

from pilotage.core.model import LogHistory, LogSeen
from pilotage.core.novelty import Incidents, Novelty

ALPHA = 0.01
HOUR = LogHistory(volume=3600.0, seconds=3600.0, incidents=tuple((number, 5) for number in range(1, 201)))


def novelty(known: LogHistory = HOUR) -> Novelty:
    return Novelty(known, 60, ALPHA)


def ticks(one: Novelty, count: int, *seen: LogSeen, volume: tuple[float, float] = (1.0, 9.0)) -> None:
    """Of 10 s each, at a tenth of the traffic; `seen` in the first of them."""
    for tick in range(count):
        one.tick(1000.0 + 10 * tick, *volume, seen if tick == 0 else ())


def found(one: Novelty) -> list[tuple[str, int]]:
    return [(each.kind, each.number) for each in one.outliers()]


def test_two_incidents_that_an_hour_of_control_never_showed_are_new() -> None:
    one = novelty()
    ticks(one, 1, LogSeen(999, canary=2, canary_entries=7))
    assert found(one) == [("new", 999)]
    (finding,) = one.outliers()
    assert (finding.incidents, finding.entries, finding.control, finding.since) == (2, 7, 0, 1000.0)
    assert finding.level < ALPHA == finding.limit


def test_one_incident_may_be_chance_unless_it_is_a_crash() -> None:
    one = novelty()
    ticks(one, 1, LogSeen(999, canary=1))
    assert found(one) == []
    one = novelty()
    one.critical = {999}
    ticks(one, 1, LogSeen(999, canary=1))
    assert found(one) == [("new", 999)]


def test_what_control_shows_too_is_never_new() -> None:
    for seen in (LogSeen(5, canary=50), LogSeen(999, canary=50, control=1)):
        one = novelty()
        ticks(one, 1, seen)
        assert ("new", seen.number) not in found(one)


def test_without_history_it_takes_more_incidents() -> None:
    needed = []
    for known in (HOUR, LogHistory()):
        count = next(count for count in range(1, 50) if _new_after(known, count))
        needed.append(count)
    assert needed == [2, 4]


def _new_after(known: LogHistory, incidents: int) -> bool:
    one = novelty(known)
    ticks(one, 1, LogSeen(999, canary=incidents))
    return bool(found(one))


def test_a_known_error_that_rises_in_the_canary_is_found_and_a_shared_one_is_not() -> None:
    one = novelty()
    for tick in range(12):
        one.tick(tick * 10.0, 1.0, 9.0, [LogSeen(5, canary=2, control=1)])
    assert found(one) == [("rising", 5)]
    one = novelty()
    for tick in range(12):
        one.tick(tick * 10.0, 1.0, 9.0, [LogSeen(5, canary=1, control=9)])
    assert found(one) == []


def test_a_rise_after_a_long_calm_counts_as_if_every_tick_had_been_looked_at() -> None:
    """Ticks in which nothing happens are skipped; the evidence is the same."""
    from pilotage.core.evidence import RatioEvidence

    plain, skipping = RatioEvidence(60), RatioEvidence(60)
    for tick in range(40):
        events = (3, 1) if tick in (7, 25, 39) else (0, 0)
        plain.add(1.0, events[0], 9.0, events[1])
        if events[0]:
            skipping.skip(tick - (0 if tick == 7 else {25: 8, 39: 26}[tick]))
            skipping.add(1.0, events[0], 9.0, events[1])
    assert skipping.log_e == pytest.approx(plain.log_e)


def test_signatures_that_turn_out_to_be_the_same_share_what_control_knows() -> None:
    one = novelty()
    ticks(one, 1, LogSeen(999, canary=5))
    one.merge(999, 5)
    assert found(one) == []


@pytest.mark.parametrize("known", [HOUR, LogHistory()], ids=["an hour of history", "no history"])
def test_alike_groups_are_rarely_told_apart(known: LogHistory) -> None:
    """200 signatures with a Zipf tail; 300 phases of ten minutes. The benchmark has more and larger ones."""
    dice = random.Random(11)
    rates = [0.5 / rank**1.1 for rank in range(1, 201)]
    alarms = 0
    for _ in range(300):
        seen = {number for number, rate in enumerate(rates, 1) if dice.random() < 1 - 2.718 ** (-rate * 3600)}
        history = LogHistory(3600.0, 3600.0, tuple((number, 1) for number in seen)) if known.seconds else known
        one = novelty(history)
        for tick in range(60):
            counts = []
            for number, rate in enumerate(rates, 1):
                events = _poisson(dice, rate * 10)
                if events:
                    mine = sum(dice.random() < 0.1 for _ in range(events))
                    counts.append(LogSeen(number, mine, events - mine))
            one.tick(tick * 10.0, 1.0, 9.0, counts)
            if one.outliers():
                alarms += 1
                break
    assert alarms <= 300 * 0.02


def _poisson(dice: random.Random, mean: float) -> int:
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + dice.expovariate(1.0)
    return count


def test_entries_close_together_are_one_incident_and_a_clock_that_goes_back_begins_none() -> None:
    incidents = Incidents()
    begun = [incidents.begins(1, at) for at in (100.0, 101.0, 102.5, 105.0, 50.0, 106.9, 109.0)]
    assert begun == [True, False, False, True, False, False, True]
    assert incidents.begins(2, 100.0)


def test_what_fails_without_a_pause_is_an_incident_every_ten_seconds() -> None:
    incidents = Incidents()
    assert [at for at in range(35) if incidents.begins(1, float(at))] == [0, 10, 20, 30]
