"""What the splitters say beside what the rollout has set, and what that makes of a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pilotage.core.errors import TemporaryError
from pilotage.core.model import Action, Drifted, Plan, Step, Verdict
from pilotage.engine.drift import Drift, Splitters, with_drift
from pilotage.planfile import load
from tests import stage

STEPS = {"proxy": Step("proxy", "set_weight", weight=25.0)}


@dataclass
class Splitter:
    """Says what it is told to; one without a start tells none."""

    weight: float = 25.0
    fault: str = ""

    async def read_weight(self) -> float:
        if self.fault:
            raise TemporaryError(self.fault)
        return self.weight


@dataclass
class Starting(Splitter):
    started: float = 1000.0

    async def started_at(self) -> float:
        return self.started


class Hands:
    def __init__(self, splitter: Splitter) -> None:
        self.splitter = splitter
        self.watched = Splitters()
        self.plan = SimpleNamespace(all_targets=())

    def traffic(self, target: str) -> Any:
        return self.splitter

    async def look(self, at: float = 0.0) -> Drift:
        return await self.watched.look(self, STEPS, at)  # type: ignore[arg-type]


def named(found: tuple[Drifted, ...]) -> list[str]:
    return [one.target for one in found]


@pytest.fixture
def plan() -> Plan:
    text = stage.PLAN.format(service="shop", phases=stage.PHASES, hold="20s", then="rollback", more="", port=1)
    return load(text, directory=Path("."))


async def test_what_was_set_is_no_drift_also_where_a_coarse_splitter_rounds() -> None:
    assert await Hands(Splitter(25.4)).look() == Drift()


async def test_a_splitter_that_somebody_has_changed_is_said_with_both_weights() -> None:
    drift = await Hands(Splitter(40)).look()
    said = "proxy sends 40 % to the canary though 25 % was set: somebody has changed it"
    assert drift.changed == (Drifted("proxy", said),)


async def test_one_that_somebody_has_taken_to_nothing_was_taken_back() -> None:
    drift = await Hands(Splitter(0)).look()
    assert "taken back from outside" in drift.taken_back


@pytest.mark.parametrize("weight", [0.0, 50.0])
async def test_one_that_was_restarted_has_lost_its_weight(weight: float) -> None:
    hands = Hands(splitter := Starting())
    assert await hands.look() == Drift()
    splitter.weight, splitter.started = weight, 1010.0
    drift = await hands.look()
    assert (named(drift.lost), drift.taken_back) == (["proxy"], "")
    assert "it was restarted and has forgotten it" in drift.lost[0].reason


async def test_a_restart_that_kept_the_weight_does_not_excuse_a_later_change() -> None:
    hands = Hands(splitter := Starting())
    await hands.look()
    splitter.started = 1010.0
    await hands.look()
    splitter.weight = 0.0
    assert (await hands.look()).taken_back


async def test_a_start_told_a_second_apart_is_the_same_one() -> None:
    hands = Hands(splitter := Starting())
    await hands.look()
    splitter.weight, splitter.started = 40.0, 1001.5
    assert named((await hands.look()).changed) == ["proxy"]


async def test_one_that_does_not_answer_once_may_be_busy_and_twice_is_said() -> None:
    hands = Hands(splitter := Splitter(fault="connection refused"))
    assert await hands.look(at=10.0) == Drift()
    drift = await hands.look(at=20.0)
    assert drift.unread_since == 10.0
    assert drift.unread == (Drifted("proxy", "proxy cannot be read for 2 ticks: connection refused"),)
    splitter.fault = ""
    assert await hands.look(at=30.0) == Drift()


LOST = Drift(lost=(Drifted("proxy", "it has forgotten it"),))
CHANGED = Drift(changed=(Drifted("proxy", "somebody"),))
WATCH = Verdict(Action.WATCH, "nothing against it so far")


def test_a_lost_weight_is_set_again_also_at_the_moment_of_passing(plan: Plan) -> None:
    found = with_drift(Verdict(Action.PROMOTE, "every criterion is met"), LOST, plan, 0.0)
    assert (found.action, found.drifted) == (Action.WATCH, LOST.lost)


def test_a_changed_weight_holds_and_asks_unless_the_plan_says_restore(plan: Plan) -> None:
    held = with_drift(WATCH, CHANGED, plan, 0.0)
    assert (held.action, held.overdue, held.drifted) == (Action.HOLD, True, CHANGED.changed)
    again = with_drift(WATCH, CHANGED, replace(plan, drift="restore"), 0.0)
    assert (again.action, again.drifted) == (Action.WATCH, CHANGED.changed)


def test_what_was_taken_back_is_rolled_back_whatever_the_plan_says(plan: Plan) -> None:
    found = with_drift(WATCH, Drift(taken_back="by hand"), replace(plan, drift="restore"), 0.0)
    assert (found.action, found.reason) == (Action.ROLLBACK, "by hand")


def test_the_judges_own_rollback_comes_before_any_drift(plan: Plan) -> None:
    judged = Verdict(Action.ROLLBACK, "errors 40 %", outage="would bring it back")
    assert with_drift(judged, replace(LOST, taken_back="by hand"), plan, 0.0) is judged


def test_a_splitter_that_cannot_be_read_holds_and_after_the_deadline_somebody_is_asked(plan: Plan) -> None:
    unread = Drift(unread=(Drifted("proxy", "silent"),), unread_since=100.0)
    assert with_drift(WATCH, unread, plan, 110.0).overdue is False
    asked = with_drift(WATCH, unread, plan, 120.0)
    assert (asked.action, asked.overdue) == (Action.HOLD, True)


def test_a_splitter_that_cannot_be_read_takes_no_question_back(plan: Plan) -> None:
    asked = Verdict(Action.HOLD, "errors 40 %", overdue=True)
    assert with_drift(asked, Drift(unread=(Drifted("proxy", "silent"),), unread_since=0.0), plan, 1.0).overdue
