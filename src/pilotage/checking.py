"""A plan by itself: is it good, what can each phase see, and when may it start? Nothing is started or asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import PlanError
from pilotage.core.model import Plan
from pilotage.core.policy import false_alarm_budget
from pilotage.core.power import visible
from pilotage.planfile.starting import may_start
from pilotage.wording import check_templates


@dataclass(frozen=True)
class Checked:
    """`ok` False: its window has passed. `budget` is a sentence about false alarms."""

    ok: bool
    digest: str
    service: str
    false_alarms_at_most: float
    budget: str
    starts: str
    phases_see: Mapping[str, str]
    not_measured: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """For a program."""
        about = {"ok": self.ok, "digest": self.digest, "service": self.service}
        about |= {"false_alarms_at_most": self.false_alarms_at_most, "starts": self.starts}
        return about | {"phases_see": dict(self.phases_see), "not_measured": list(self.not_measured)}


def checked(plan: Plan, now: float) -> Checked:
    """Raises PlanError for templates that are wrong. Blocking: reads them."""
    if problems := check_templates(plan):
        raise PlanError(tuple(problems))  # each names its own file
    start = plan.preparation.start
    over = start.closes_at is not None and start.closes_at <= now
    bound, budget = false_alarm_budget(plan)
    _, starts = may_start(start, now)
    about = (plan.digest, plan.service, bound, budget, starts)
    return Checked(not over, *about, visible(plan), tuple(plan.measures.left_out))
