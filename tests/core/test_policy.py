"""What findings lead to: the usual table, what a plan changes of it, and who wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core import policy
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Finding, Verdict
from tests.core.worlds import Group, plan, samples


def judged_with(verdicts: dict[str, policy.Answer], canary: Group, control: Group) -> Verdict:
    judge = Judge(replace(plan(), verdicts=verdicts), 0, Baseline())
    verdict = Verdict(Action.WATCH, "")
    for sample in samples(canary, control, ticks=20):
        verdict = judge.observe(sample)
        if verdict.action is not Action.WATCH:
            break
    return verdict


@pytest.mark.parametrize(
    ("answer", "action", "asks"),
    [("rollback", Action.ROLLBACK, False), ("hold", Action.HOLD, False), ("ask", Action.HOLD, True)],
)
def test_a_plan_says_what_more_errors_than_control_lead_to(answer: policy.Answer, action: Action, asks: bool) -> None:
    rows: dict[str, policy.Answer] = {"errors-worse": answer, "errors-over-limit": answer}
    verdict = judged_with(rows, Group(5.8, 0.2), Group(52.2, 0.003))
    assert (verdict.action, verdict.overdue) == (action, asks)
    assert verdict.reason.startswith("errors ")


def test_rollback_wins_over_asking_and_asking_over_holding() -> None:
    def alarm(shows: str) -> Finding:
        return Finding(shows, Action.HOLD, shows, shows=shows)

    its_plan = replace(plan(), verdicts={"traffic-share": "ask"})
    alarms = [alarm("data-missing"), Finding("fine", Action.PROMOTE, ""), alarm("traffic-share"), alarm("errors-worse")]
    winners = [policy.decisive(its_plan, alarms[:count]) for count in (1, 3, 4)]
    assert [one and one[1].metric for one in winners] == ["data-missing", "traffic-share", "errors-worse"]
    assert policy.decisive(its_plan, alarms[1:2]) is None


def test_every_row_has_a_meaning_and_none_passes() -> None:
    assert policy.TABLE.keys() == policy.MEANING.keys()
    assert set(policy.TABLE.values()) <= {"rollback", "hold", "ask"}


def test_the_budget_counts_what_may_roll_back() -> None:
    usual, sentence = policy.false_alarm_budget(plan(known_bad=True))
    assert usual == pytest.approx(0.04)
    assert "together at most 4%, however often it is looked at" in sentence
    careful = replace(plan(known_bad=True), verdicts={"latency-worse": "hold"})
    assert policy.false_alarm_budget(careful)[0] == pytest.approx(0.03)
