"""What the live page shows, made ready for its templates: nothing is decided here, and nothing is HTML yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core import events as ev
from pilotage.core.followups import FollowUpState
from pilotage.core.model import Plan
from pilotage.core.sentences import sentence
from pilotage.core.state import Status

View = dict[str, Any]

NEWEST = 50
"""Lines of the timeline on the live page; older ones have pages of their own."""
MARKS = {
    "PROMOTE": ("✓", "good", "met"),
    "WATCH": ("…", "idle", "not known yet"),
    "HOLD": ("!", "wait", "holds"),
    "ROLLBACK": ("✗", "bad", "against it"),
}
_URGENCY = ("ROLLBACK", "HOLD", "WATCH", "PROMOTE")
_METRICS = {"requests": ("volume",), "error rate": ("errors", "errors limit"), "p95": ("p95",), "tickets": ("tickets",)}


@dataclass(frozen=True)
class PhaseShown:
    """`state`: done, now, next, stopped (it ended there) or left (it will not be reached)."""

    name: str
    weight: str
    watch_s: float
    state: str
    progress: float


@dataclass(frozen=True)
class Mark:
    sign: str
    tone: str
    word: str


def mark(action: str) -> Mark:
    return Mark(*MARKS[action])


def phases(view: View, plan: Plan) -> list[PhaseShown]:
    status, now = Status(view["status"]), view["phase"]
    found = []
    for index, one in enumerate(plan.phases):
        done = index < now or status is Status.PROMOTED
        here, later = ("stopped", "left") if status.ended else ("now", "next")
        state = "done" if done else here if index == now else later
        progress = 1.0 if done else view["progress"] if index == now else 0.0
        weight = "" if one.name.replace(" ", "") == f"{one.weight:g}%" or not one.judged else f"{one.weight:g} %"
        found.append(PhaseShown(one.name, weight, one.watch_s, state, progress))
    return found


def table(view: View, plan: Plan) -> dict[str, Any]:
    """The comparison, with what the last tick's findings say of each row."""
    columns = view["comparison"]["columns"]
    current = plan.phases[view["phase"]].name
    findings = view["findings"]
    rows = []
    for name, *cells in view["comparison"]["rows"]:
        if name in ("p50", "p95", "p99") and plan.measures.latency is None:
            continue
        actions = [one["action"] for one in findings if one["metric"] in _metrics_of(name, plan)]
        worst = next((one for one in _URGENCY if one in actions), None)
        rows.append({"name": name, "mark": mark(worst) if worst else None, "cells": [_cell(one) for one in cells]})
    return {"columns": columns[1:], "current": current, "rows": rows}


def _metrics_of(row: str, plan: Plan) -> tuple[str, ...]:
    if plan.measures.bug and row == plan.measures.bug.name:
        return ("bug",)
    known = _METRICS.get(row, ())
    return known or (f"guard {row}",)


def _cell(text: str) -> tuple[str, str]:
    """The canary's value, and control's."""
    value, _, rest = text.partition(" (control ")
    return value, rest.rstrip(")")


def findings(view: View) -> list[dict[str, Any]]:
    """The most urgent first."""
    order = {name: place for place, name in enumerate(_URGENCY)}
    found = sorted(view["findings"], key=lambda one: order[one["action"]])
    return [{"mark": mark(one["action"]), "sentence": one["sentence"], "metric": one["metric"]} for one in found]


def timeline(record: Sequence[ev.Recorded], first: int = 0, most: int = NEWEST) -> list[dict[str, Any]]:
    """The newest first; `first` of them are left out."""
    newest = list(reversed(record))[first : first + most]
    return [{"number": one.number, "at": one.at, "by": one.by, "text": sentence(one.event)} for one in newest]


def followups(states: Sequence[FollowUpState]) -> list[FollowUpState]:
    """What is open first, by due time."""
    return sorted(states, key=lambda one: (one.status == "done", one.due_at))
