"""What a rollout's picture draws, apart from how: its phases on a time axis, and every metric's findings on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.core.model import Action, Finding, Plan, Verdict

_ORDER = ("errors", "bug", "p95")
LEFT_OUT = ("data", "volume", "share")
"""Findings that are no metric of the service: they are told in words."""


def named(plan: Plan, metric: str) -> str:
    """The bug by the name the plan gives it."""
    return plan.measures.bug.name if metric == "bug" and plan.measures.bug else metric


@dataclass(frozen=True)
class Stretch:
    """One phase on the time axis, in seconds from the start."""

    name: str
    begin: float
    end: float
    judged: bool


@dataclass(frozen=True)
class Shown:
    """One finding at one moment; `stretch` tells phases apart, lines are not drawn across them."""

    at: float
    stretch: int
    finding: Finding


@dataclass(frozen=True)
class Course:
    """Everything the picture draws: the time axis, the findings by metric, the last verdict's moment."""

    stretches: tuple[Stretch, ...]
    metrics: Mapping[str, tuple[Shown, ...]]
    turn_at: float
    turn: Action | None

    @property
    def seconds(self) -> float:
        return max((one.end for one in self.stretches), default=0.0) or 1.0

    @property
    def shown(self) -> float:
        """A little more, so that the last tick stands clear of the frame."""
        return self.seconds * 1.03

    def rows(self) -> list[tuple[str, list[str]]]:
        """The metrics by their first word (`errors` and `errors limit` share a row), the known ones first."""
        rows: dict[str, list[str]] = {}
        for metric in self.metrics:
            first = (metric.split() or [""])[0]
            rows.setdefault(metric if first == "guard" else first, []).append(metric)
        order = {name: place for place, name in enumerate(_ORDER)}
        return sorted(rows.items(), key=lambda row: order.get(row[0], len(order)))


def course_of(plan: Plan, verdicts: Mapping[tuple[int, int], Verdict]) -> Course:
    """From the first judged phase on; ticks below 0 are the time before the rollout."""
    stretches: list[Stretch] = []
    metrics: dict[str, list[Shown]] = {}
    begin, turn_at, turn = 0.0, 0.0, None
    verdicts = {place: verdict for place, verdict in verdicts.items() if place[1] >= 0}
    for phase in sorted({phase for phase, _ in verdicts}):
        planned = plan.phases[phase]
        ticks = sorted(tick for other, tick in verdicts if other == phase)
        for tick in ticks:
            verdict = verdicts[phase, tick]
            turn_at, turn = begin + tick * planned.tick_s, verdict.action
            for one in verdict.findings:
                if one.metric not in LEFT_OUT:
                    metrics.setdefault(one.metric, []).append(Shown(turn_at, len(stretches), one))
        if not planned.judged and not metrics:
            continue  # the baseline before the first judged phase has nothing to draw
        stretches.append(Stretch(planned.name, begin, begin + ticks[-1] * planned.tick_s, planned.judged))
        begin = stretches[-1].end
    return Course(tuple(stretches), {name: tuple(shown) for name, shown in metrics.items()}, turn_at, turn)
