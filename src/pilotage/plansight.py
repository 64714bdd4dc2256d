"""What is told of a plan that is known: its facts, its items, and why it may not start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pilotage.core import checklist
from pilotage.core import events as ev
from pilotage.core.checklist import NOT_APPROVED, ItemState, Seen
from pilotage.core.errors import ChecklistOpen
from pilotage.core.model import Plan
from pilotage.core.preparing import Item
from pilotage.core.quantities import duration
from pilotage.planfile.starting import may_start
from pilotage.store.gates import minute
from pilotage.store.known import KnownPlan


def facts(plan: KnownPlan, record: Sequence[ev.Recorded], now: float) -> dict[str, Any]:
    """Instants are Unix seconds."""
    late = now - plan.due_at if plan.due_at is not None and not plan.closed and plan.newest else 0.0
    return {
        "id": plan.id,
        "service": plan.plan.service,
        "environment": plan.plan.environment,
        "version": plan.plan.version,
        "previous": plan.plan.previous,
        "severity": plan.plan.severity.value,
        "digest": plan.plan.digest,
        "file": plan.file,
        "path": path_of(plan),
        "by": plan.registered_by,
        "registered_at": plan.registered_at,
        "first_known": plan.first_known,
        "due_at": plan.due_at,
        "overdue_s": max(0.0, late),
        "overdue": overdue(late),
        "scheduled_by": plan.scheduled_by,
        "starts": _starts(plan, now),
        "to_tick": to_tick(plan.plan, record),
        "closed": plan.closed,
        "rollout": plan.rollout,
    }


def item(state: ItemState) -> dict[str, Any]:
    return {
        "id": state.item.id,
        "part": state.item.part.value,
        "text": state.item.text,
        "required": state.item.required,
        "check": state.item.check,
        "mark": state.mark.value,
        "by": state.by,
        "at": state.at or None,
        "evidence": state.text,
    }


def checked(one: ItemState) -> ev.Checked:
    """As it is recorded."""
    item = one.item
    return ev.Checked(item.id, item.part.value, item.text, one.mark.value, item.required, one.by, one.at, one.text)


def to_tick(plan: Plan, record: Sequence[ev.Recorded]) -> list[str]:
    """Required items that wait for a person."""
    ticked = checklist.ticks_of(record)
    asked = checklist.items_of(plan.preparation.checklist)
    return [one.id for one in asked if one.required and not one.check and one.id not in ticked]


def for_people(asked: Sequence[Item], record: Sequence[ev.Recorded], now: float) -> list[ItemState]:
    """What people have to see to before anything of an agent's plan is looked up."""
    ids = {one.id for one in asked if one.check == "approved"}
    seen = dict.fromkeys(ids, Seen(False, NOT_APPROVED))
    states = checklist.states(asked, record, seen, at=now)
    return [one for one in states if one.in_the_way and (not one.item.check or one.item.id in ids)]


def still_open(stopped: Sequence[ItemState], plan: str, file: str, late: str = "") -> ChecklistOpen:
    """`plan` and `file` are how a person calls it, in the commands that close the items."""
    told = []
    for one in stopped:
        way = checklist.how(one.item.id, one.item.check, plan, one.text, file)
        told.append(f"{_seen(one)}. {way}".rstrip())
    return ChecklistOpen(tuple(told), tuple(map(_seen, stopped)), tuple(one.item.id for one in stopped), late)


def untrusted(plan: KnownPlan) -> str:
    return (
        f"{plan.registered_by}, who made this plan known, is an agent: none of its drivers is asked before a person "
        "has approved it"
    )


def path_of(plan: KnownPlan) -> str:
    """The plan's file, wherever a command is typed."""
    return str(Path(plan.directory) / Path(plan.file).name) if plan.file else "FILE"


def overdue(late_s: float) -> str:
    """Empty when it is not."""
    return f"overdue by {_about(late_s)}" if late_s >= 1 else ""


def _starts(plan: KnownPlan, now: float) -> str:
    """A clause: when it may start, or was to."""
    due = plan.due_at
    if due is None or plan.closed:
        rule = plan.plan.preparation.start
        return f"may start {may_start(rule, now)[1]}" if rule.opens_at is not None else "may start at any time"
    return f"to be started by {minute(due)}, in {_about(due - now)}" if now < due else f"was due by {minute(due)}"


def _about(seconds: float) -> str:
    """Seconds matter in the first minutes only."""
    return duration(seconds if seconds < 600 else seconds // 60 * 60)


def _seen(state: ItemState) -> str:
    return f"{state.item.id}: {(state.text or state.item.text).rstrip('.')}"
