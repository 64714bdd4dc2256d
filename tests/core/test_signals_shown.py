"""What people read of guards and tickets: the table, the explanation, the picture, another policy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core import events as ev
from pilotage.core.comparison import comparison
from pilotage.core.errors import Refused
from pilotage.core.explain import explain, explanation_text
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Counters, Plan, Reading, Sample, Verdict
from pilotage.core.picture import picture
from pilotage.core.replay import replay, what_if
from pilotage.core.report import report
from pilotage.core.signals import GuardLevels, GuardMetric, Level, TicketMetric
from pilotage.core.tally import baseline_of, before, tally
from pilotage.core.words import amount, unit_of
from tests.core import worlds

MEMORY = GuardMetric("memory", "s", "rss{$group}", limit=2.0**30, floor=32 * 2.0**20, unit="bytes")


def plan(*guards: GuardMetric) -> Plan:
    made = worlds.plan(weight=50.0, watch_s=300.0)
    measures = replace(made.measures, latency=None, guards=guards, tickets=TicketMetric("s", "tickets_total"))
    return replace(made, measures=measures)


def samples() -> list[Sample]:
    """Half an hour of tickets before; then the canary's memory grows over control's."""
    found = []
    for tick in range(-30, 31):
        at = 10_000.0 + tick * (60 if tick < 0 else 10)
        served = Counters(max(0, tick) * 100.0, 0.0)
        guard = GuardLevels("memory", (Level("a:1", (300 + tick) * 2.0**20),), (Level("b:1", 150 * 2.0**20),))
        found.append(Sample(0, tick, at, Reading(served, served, guards=(guard,), tickets=100 + at / 60)))
    return found


def judged(its: Plan) -> dict[tuple[int, int], Verdict]:
    judge = Judge(its, 0, baseline_of(before(samples(), 0), its))
    return {(0, one.tick): judge.observe(one) for one in samples()}


def test_the_table_has_a_row_for_each_guard_and_the_tickets() -> None:
    table = comparison(plan(MEMORY), tally(samples(), plan(MEMORY).measures))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["memory"] == ("150 MiB", "315 MiB (control 150 MiB)")
    assert rows["tickets"][1] == "1 /min"


def test_a_guard_without_series_has_a_dash() -> None:
    dashes = comparison(plan(MEMORY), tally([], plan(MEMORY).measures)).rows[-2:]
    assert dashes == (("memory", "-", "-"), ("tickets", "-", "-"))


def test_report_explanation_and_picture_name_the_guard() -> None:
    its, verdicts = plan(MEMORY), judged(plan(MEMORY))
    last = verdicts[0, 30]
    assert last.action is Action.HOLD
    record = [
        ev.Recorded("r", number, 10_000.0 + number, "pilotage", event)
        for number, event in enumerate(
            (ev.RolloutStarted(), ev.PhaseStarted(0, "50 %", 50), ev.Held(0, last.reason, last))
        )
    ]
    assert "- ! **guard memory**: guard memory" in report(its, record, samples(), verdicts)
    text = explanation_text(explain("r", its, record, samples(), verdicts))
    line = next(line for line in text.splitlines() if "! " in line and "guard memory" in line)
    assert line.split()[3:7] == ["327.5", "MiB", "150", "MiB"]
    assert "<- this decided" in line
    drawn = picture(its, verdicts)
    assert ">guard memory<" in drawn
    assert ">tickets<" in drawn


def test_stored_samples_give_the_same_verdicts_again() -> None:
    its = plan(MEMORY)
    stored = {place: verdict for place, verdict in judged(its).items() if place[1] >= 0}
    assert replay(its, samples(), stored).agrees


def test_another_policy_may_change_a_guards_limits_but_not_what_was_read() -> None:
    its, stored = plan(MEMORY), judged(plan(MEMORY))
    lenient = plan(replace(MEMORY, worse_than_control=3.0))
    assert what_if(its, lenient, samples(), stored).phases[0].turns[-1].action is Action.PROMOTE
    for other in (replace(MEMORY, value="heap{$group}"), replace(MEMORY, name="heap")):
        with pytest.raises(Refused, match="which was not sampled as that guard"):
            what_if(its, plan(other), samples(), stored)
    unasked = replace(its, measures=replace(its.measures, tickets=None))
    with pytest.raises(Refused, match="the other plan's tickets read tickets_total, which was not sampled"):
        what_if(unasked, its, samples(), stored)


def test_without_guards_and_tickets_nothing_is_said_of_them() -> None:
    judge = Judge(worlds.plan(), 0, Baseline())
    verdict = judge.observe(Sample(0, 0, 0.0, Reading(Counters(0, 0), Counters(0, 0))))
    assert not [one for one in verdict.findings if one.metric.startswith(("guard", "tickets"))]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.425, "share", "42.5%"), (0.42, "cores", "0.42 cores"), (312 * 2.0**20, "bytes", "312 MiB"),
     (0.0, "bytes", "0 B"),
     (1.5 * 2.0**20, "bytes/s", "1.5 MiB/s"), (80, "", "80"), (12_345, "", "12.3 k"), (-5, "", "-5"),
     (float("nan"), "", "unknown")],
)  # fmt: skip
def test_a_guards_values_read_well(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_the_units_of_the_explanations_table() -> None:
    assert unit_of("guard memory", "bytes")(2.0**20) == "1 MiB"
    assert unit_of("guard threads")(12.0) == "12"
    assert unit_of("tickets")(0.5) == "30 /min"
