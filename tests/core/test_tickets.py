"""Ticket volume: a rise rolls back, healthy phases do not, and what is not known is never a pass."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pilotage.core import policy
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Counters, Phase, Plan, Reading, Sample, Verdict
from pilotage.core.signals import GuardMetric, TicketBaseline, TicketMetric
from pilotage.core.tally import baseline_of
from pilotage.core.tickets import Tickets, garwood_upper
from tests.core import worlds


def plan(**changes: object) -> Plan:
    made = worlds.plan(weight=50.0)
    return replace(made, measures=replace(made.measures, latency=None, tickets=TicketMetric("s", "tickets_total")))


def sample(tick: int, tickets: float | None, phase: int = 0, fault: str = "", step_s: float = 10.0) -> Sample:
    at = 10_000.0 + tick * step_s
    served = Counters(max(0, tick) * 100.0, 0.0)
    return Sample(phase, tick, at, Reading(served, served, tickets=tickets, tickets_fault=fault))


def verdicts(base: TicketBaseline | None, counts: list[float | None], fault: str = "") -> list[Verdict]:
    judge = Judge(plan(), 0, Baseline(tickets=base))
    return [judge.observe(sample(tick, one, fault=fault if one is None else "")) for tick, one in enumerate(counts)]


# ------------------------------------------------------------------ the bound and the evidence


def test_garwoods_bound_is_the_tables() -> None:
    """chi2(.975; 2(N+1)) / 2, as in Garwood's table of 95 % limits."""
    expected = {0: 3.689, 1: 5.572, 5: 11.668, 10: 18.390, 50: 65.918}
    for events, bound in expected.items():
        assert garwood_upper(events, 0.025) == pytest.approx(bound, abs=0.002)
    assert garwood_upper(100_000, 0.005) == pytest.approx(100_000 + 2.576 * 316.2, rel=1e-4)


def _ends(rate: float, later: float, phases: int, seed: int, history_s: float) -> list[int | None]:
    """The tick of each ten-minute phase at which the evidence crossed, or None."""
    chance = np.random.default_rng(seed)
    before = chance.poisson(rate * history_s, phases)
    counts = chance.poisson(later * 10, (phases, 60)).cumsum(axis=1)
    its_plan = plan()
    found: list[int | None] = []
    for past, row in zip(before, counts, strict=True):
        judge = Tickets(its_plan, its_plan.phases[0], TicketBaseline(float(past), history_s))
        end = None
        for tick, total in enumerate([0, *row]):
            judge.take(sample(tick, float(total)))
            if judge.evidence.log_e >= judge.alarm:
                end = tick
                break
        found.append(end)
    return found


@pytest.mark.parametrize("history_s", [1800.0, 30.0])
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_healthy_phases_raise_at_most_alpha_false_alarms(rate: float, history_s: float) -> None:
    ends = _ends(rate, rate, 2000, seed=11, history_s=history_s)
    assert sum(end is not None for end in ends) <= 20  # alpha = 1 %


@pytest.mark.parametrize(("rate", "share", "within_s"), [(0.01, 0.75, 600), (0.1, 0.99, 80), (1.0, 0.99, 20)])
def test_five_times_the_tickets_are_found(rate: float, share: float, within_s: float) -> None:
    """After half an hour of history; with 0.6 tickets a minute ten minutes show it mostly, with 6 soon."""
    ends = _ends(rate, 5 * rate, 400, seed=12, history_s=1800.0)
    in_time = [end for end in ends if end is not None and end * 10 <= within_s]
    assert len(in_time) >= share * 400


# ------------------------------------------------------------------ verdicts


def test_a_rise_rolls_back_with_its_numbers() -> None:
    base = TicketBaseline(60, 1800.0)
    found = verdicts(base, [float(10 * tick) for tick in range(10)])
    last = next(one for one in found if one.action is not Action.WATCH)
    assert last.action is Action.ROLLBACK
    assert "against 60 in the 30 min before (at most 2.77 /min): evidence" in last.reason
    assert "limit 200" in last.reason


def test_a_plan_may_hold_instead() -> None:
    its_plan = replace(plan(), verdicts={"tickets-rise": "ask"})
    judge = Judge(its_plan, 0, Baseline(tickets=TicketBaseline(60, 1800.0)))
    found = [judge.observe(sample(tick, 10.0 * tick)) for tick in range(20)]
    assert found[-1].action is Action.HOLD
    assert found[-1].overdue


def test_a_rise_by_a_third_is_a_busy_hour() -> None:
    counts: list[float | None] = [float(round(tick * 13.0)) for tick in range(61)]
    assert verdicts(TicketBaseline(1800, 1800.0), counts)[-1].action is Action.PROMOTE


def test_tickets_that_come_in_bursts_weigh_less() -> None:
    counts: list[float | None] = [0.0 if tick < 5 else 9.0 for tick in range(61)]
    base = TicketBaseline(60, 1800.0)
    assert any(one.action is Action.ROLLBACK for one in verdicts(base, counts))
    assert verdicts(replace(base, phi=4.0), counts)[-1].action is Action.PROMOTE


@pytest.mark.parametrize(
    ("base", "counts", "why"),
    [
        (None, [0.0] * 61, "tickets not known: no count of the time before the rollout to compare with"),
        (TicketBaseline(60, 1800.0), [None] * 61, "tickets not known: their counter has no series for t"),
        (TicketBaseline(60, 1800.0), [0.0] * 40 + [None] * 21, "tickets not known: their counter has no series for t"),
        (TicketBaseline(60, 1800.0), [math.nan] * 61, "tickets not known: their counter is not a number"),
    ],
)
def test_missing_tickets_hold_at_the_end(base: TicketBaseline | None, counts: list[float | None], why: str) -> None:
    found = verdicts(base, counts, fault="has no series for t")
    assert found[5].action is Action.WATCH
    assert found[-1].action is Action.HOLD
    assert why in found[-1].reason


def test_a_counter_that_begins_anew_is_no_rise() -> None:
    counts: list[float | None] = [1000.0 + tick / 3 for tick in range(30)] + [tick / 3 for tick in range(31)]
    assert verdicts(TicketBaseline(60, 1800.0), counts)[-1].action is Action.PROMOTE


# ------------------------------------------------------------------ the time before


def test_the_baseline_is_history_and_the_phases_before_traffic() -> None:
    judged = plan().phases[0]
    its_plan = replace(plan(), phases=(Phase("baseline", 0.0, (), 30.0, 10.0, judged=False), judged))
    history = [sample(tick, 100.0 + 2 * tick, step_s=60.0) for tick in range(-30, 0)]
    recorded = [sample(tick, 98.0 + tick) for tick in range(4)]
    later = [replace(sample(tick, 500.0 * tick, phase=1), at=20_000.0 + tick) for tick in range(5)]
    base = baseline_of([*history, *recorded, *later], its_plan).tickets
    assert base == TicketBaseline(61.0, 1830.0)
    alone = [replace(one, reading=Reading(tickets=one.reading.tickets)) for one in history]
    assert baseline_of(alone, its_plan).tickets == TicketBaseline(58.0, 1740.0)


def test_bursts_in_the_history_are_measured() -> None:
    total, history = 0.0, []
    for tick in range(-30, 0):
        total += 12 if tick % 6 == 0 else 0
        history.append(sample(tick, total, step_s=60.0))
    base = baseline_of(history, plan()).tickets
    assert base is not None
    assert base.phi > 5


def test_the_budget_counts_tickets_and_what_a_plan_makes_of_guards() -> None:
    usual, _ = policy.false_alarm_budget(plan())
    assert usual == pytest.approx(0.03)
    guards = tuple(GuardMetric(name, "s", "v{$group}") for name in "abc")
    strict = replace(plan(), verdicts={"guard-worse": "rollback"})
    strict = replace(strict, measures=replace(strict.measures, guards=guards))
    assert policy.false_alarm_budget(strict)[0] == pytest.approx(0.06)
    held, _ = policy.false_alarm_budget(replace(plan(), verdicts={"tickets-rise": "hold"}))
    assert held == pytest.approx(0.02)
