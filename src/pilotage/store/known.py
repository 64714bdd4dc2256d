"""Plans that are known before they run: queries over one connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from pilotage.codec import from_json, to_json
from pilotage.core import events as ev
from pilotage.core.checklist import plan_id, ticks_of
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.model import Plan
from pilotage.store import approvals, gates, queries
from pilotage.store.queries import append_event, events_of
from pilotage.store.schema import events, plans, rollouts


class CalledOff(PilotageError):
    """The plan was forgotten, or another one scheduled instead, while its scheduled start was being prepared."""


@dataclass(frozen=True)
class Version:
    """Another plan of the same change, by when it was first known and who registered it."""

    id: str
    at: float
    by: str
    closed: bool


@dataclass(frozen=True)
class KnownPlan:
    """A plan, and what became of it.

    Its *change* is a service's version in an environment, however often the plan for it was rewritten: a deadline
    counts from `first_known`, when the change was first planned, and is met once any of its plans was started.
    """

    id: str
    plan: Plan
    plan_text: str
    directory: str
    file: str
    registered_by: str
    registered_at: float
    first_known: float
    closed: bool
    rollout: str
    """What it was started as, the last time; empty when it never was."""
    change_started: bool
    newest: bool
    """No plan of the same change was rewritten after this one and still waits."""
    scheduled_by: str
    overrides: tuple[str, ...]
    override_reason: str

    @property
    def due_at(self) -> float | None:
        within = self.plan.preparation.start.within_s
        return None if within is None or self.change_started else self.first_known + within


def register(
    connection: Connection,
    plan: Plan,
    text: str,
    file: str,
    by: str,
    at: float,
    starts: bool = False,
    stays: bool = False,
) -> str:
    """Notes the plan, once; returns its id. One that was forgotten waits again, one that was started does not.

    The same plan may lie in several folders: it is used from the one it was last seen in, but a copy that is only
    looked at (not `starts`) does not move one that is scheduled, and with `stays` none is moved.

    Raises Refused when another plan has the same id: its ticks were not given for this one. With `stays` also for a
    copy elsewhere: what the plan runs there is not what somebody has approved.
    """
    name = plan_id(plan)
    about = {"plan": to_json(plan), "plan_text": text, "directory": plan.directory, "file": file}
    row = connection.execute(select(plans).where(plans.c.id == name)).first()
    if row is None:
        told = {"service": plan.service, "environment": plan.environment, "version": plan.version}
        asked = {"scheduled_by": "", "overrides": "[]", "override_reason": ""}
        made = {"registered_by": by, "registered_at": at, "closed": False, "rollout": ""}
        connection.execute(insert(plans).values(id=name, **told, **about, **made, **asked))
        note(connection, name, ev.PlanRegistered(plan.digest), by, at)
        return name
    if from_json(Plan, row.plan).digest != plan.digest:
        raise Refused(f"another plan is known as {name} already. Change a word in the summary: it gets another id.")
    if stays and row.directory != plan.directory:
        raise Refused(f"{name} is known from {row.directory}, and an agent does not move a plan to another folder")
    if starts or not row.scheduled_by:
        connection.execute(update(plans).where(plans.c.id == name).values(**about))
    if row.closed and not row.rollout:
        connection.execute(update(plans).where(plans.c.id == name).values(closed=False))
        note(connection, name, ev.PlanRegistered(plan.digest), by, at)
    return name


def note(connection: Connection, name: str, event: ev.Event, by: str, at: float) -> None:
    """Adds to the plan's record."""
    last = connection.execute(select(func.max(events.c.number)).where(events.c.rollout == name)).scalar()
    append_event(connection, ev.Recorded(name, 0 if last is None else last + 1, at, by, event))


def note_once(connection: Connection, name: str, event: ev.Event, by: str, at: float) -> None:
    """As `note`, unless this very event stands there already."""
    if not any(one.event == event for one in events_of(connection, name)):
        note(connection, name, event, by, at)


def note_all(connection: Connection, name: str, noted: Sequence[ev.Event], by: str, at: float) -> None:
    """All of them, or none."""
    for event in noted:
        note(connection, name, event, by, at)


def get(connection: Connection, name: str) -> KnownPlan:
    row = connection.execute(select(plans).where(plans.c.id == name)).first()
    if row is None:
        raise NotFound(f"there is no plan {name!r}. `pilotage plans` shows those that are known.")
    return _known(connection, row)


def open_plans(connection: Connection) -> list[KnownPlan]:
    rows = connection.execute(select(plans).where(plans.c.closed.is_(False)).order_by(plans.c.registered_at.desc()))
    return [_known(connection, row) for row in rows.all()]


def newest_folder(connection: Connection) -> str:
    """Of the newest plan; empty when none is known."""
    query = select(plans.c.directory).order_by(plans.c.registered_at.desc()).limit(1)
    return str(connection.execute(query).scalar() or "")


def open_names(connection: Connection) -> set[str]:
    return set(connection.execute(select(plans.c.id).where(plans.c.closed.is_(False))).scalars())


def plan_of(connection: Connection, name: str) -> Plan:
    """Of a rollout's id, or of a known plan's."""
    row = connection.execute(select(rollouts.c.plan).where(rollouts.c.id == name)).first()
    return from_json(Plan, row.plan) if row is not None else get(connection, name).plan


def schedule(
    connection: Connection, name: str, opens_at: float, by: str, overrides: Sequence[str], reason: str, at: float
) -> None:
    """This plan of its change is started when its window opens, and no other one."""
    for other in _others(connection, name, plans.c.scheduled_by != ""):
        close(connection, other, f"{name} is scheduled instead", "", by, at)
    told = {"scheduled_by": by, "overrides": json.dumps(list(overrides)), "override_reason": reason, "closed": False}
    connection.execute(update(plans).where(plans.c.id == name).values(**told))
    note(connection, name, ev.StartScheduled(opens_at, reason, tuple(overrides)), by, at)


def begin(
    connection: Connection,
    known: KnownPlan,
    rollout: str,
    passed: ev.ChecklistPassed,
    by: str,
    reason: str,
    at: float,
    scheduled: bool = False,
    approval: str = "",
) -> None:
    """The plan becomes a rollout, in one transaction: whenever it is cut off, there is one rollout or none.

    `approval` is the one that it uses up. Raises Refused when another rollout, or a person, has locked the service
    meanwhile, or the approval was used; with `scheduled` CalledOff when the plan is not scheduled any more.
    """
    plan = known.plan
    if scheduled and not get(connection, known.id).scheduled_by:
        raise CalledOff(f"{known.id} was called off")
    lock = gates.lock_of(connection, plan.service, plan.environment)
    if lock is not None:
        raise Refused(str(lock))
    if approval:
        approvals.use(connection, approval, rollout, at)
    queries.create_rollout(connection, rollout, plan, known.plan_text, by, reason, at)
    connection.execute(
        update(plans).where(plans.c.id == known.id).values(closed=True, rollout=rollout, scheduled_by="")
    )
    note_all(connection, known.id, (passed, ev.PlanClosed("started", rollout)), by, at)
    for other in _others(connection, known.id, plans.c.closed.is_(False)):
        close(connection, other, f"another version of this plan was started, {known.id},", rollout, by, at)


def passed_as(connection: Connection, rollout: str) -> ev.ChecklistPassed | None:
    """The checklist with which a plan became this rollout."""
    name = connection.execute(select(plans.c.id).where(plans.c.rollout == rollout)).scalar()
    record = [] if name is None else events_of(connection, name)
    return next((one.event for one in reversed(record) if isinstance(one.event, ev.ChecklistPassed)), None)


def close(connection: Connection, name: str, reason: str, rollout: str, by: str, at: float) -> None:
    """It waits no longer. Closing one twice changes nothing."""
    where = (plans.c.id == name, plans.c.closed.is_(False))
    if connection.execute(update(plans).where(*where).values(closed=True, scheduled_by="")).rowcount:
        note(connection, name, ev.PlanClosed(reason, rollout), by, at)


def say_overdue(connection: Connection, known: KnownPlan, event: ev.StartOverdue, at: float) -> None:
    """Noted once for a change, whichever of its plans it was said of."""
    names = [known.id, *_others(connection, known.id, plans.c.id != known.id)]
    if not any(isinstance(one.event, ev.StartOverdue) for name in names for one in events_of(connection, name)):
        note(connection, known.id, event, "pilotage", at)


def give_up(connection: Connection, name: str, reason: str, at: float) -> None:
    """A scheduled start that will not come: noted and closed together, and said once."""
    where = (plans.c.id == name, plans.c.closed.is_(False))
    if connection.execute(select(plans.c.id).where(*where)).first() is not None:
        note(connection, name, ev.StartRefused(reason, True), "pilotage", at)
        close(connection, name, reason, "", "pilotage", at)


def ticked_before(connection: Connection, known: KnownPlan) -> tuple[str, int]:
    """The last earlier plan of the same change that has ticks, and how many; empty and 0 when there is none."""
    earlier = plans.c.registered_at < known.registered_at
    for name in _others(connection, known.id, earlier):
        ticks = len(ticks_of(events_of(connection, name)))
        if ticks:
            return name, ticks
    return "", 0


def versions_of(connection: Connection, name: str) -> list[Version]:
    """The other plans for the same change, the newest first."""
    row = connection.execute(select(plans).where(plans.c.id == name)).one()
    query = select(plans.c.id, plans.c.registered_at, plans.c.registered_by, plans.c.closed)
    query = query.where(_same_change(row), plans.c.id != name).order_by(plans.c.registered_at.desc())
    return [
        Version(one.id, one.registered_at, one.registered_by, bool(one.closed)) for one in connection.execute(query)
    ]


def rewritten_as(connection: Connection, known: KnownPlan) -> str:
    """The newest later plan of the same change; empty when this is the newest."""
    return next(iter(_others(connection, known.id, plans.c.registered_at > known.registered_at)), "")


def _others(connection: Connection, name: str, where: ColumnElement[bool]) -> list[str]:
    """Ids of the other plans of the same change, the newest first."""
    row = connection.execute(select(plans).where(plans.c.id == name)).one()
    query = select(plans.c.id).where(_same_change(row), plans.c.id != name, where)
    return list(connection.execute(query.order_by(plans.c.registered_at.desc())).scalars())


def _same_change(row: Row[Any]) -> ColumnElement[bool]:
    return and_(plans.c.service == row.service, plans.c.environment == row.environment, plans.c.version == row.version)


def _known(connection: Connection, row: Row[Any]) -> KnownPlan:
    same = _same_change(row)
    first = connection.execute(select(func.min(plans.c.registered_at)).where(same)).scalar()
    started = connection.execute(select(plans.c.id).where(same, plans.c.rollout != "")).first()
    later = (plans.c.registered_at > row.registered_at) & plans.c.closed.is_(False)
    return KnownPlan(
        id=row.id,
        plan=from_json(Plan, row.plan),
        plan_text=row.plan_text,
        directory=row.directory,
        file=row.file,
        registered_by=row.registered_by,
        registered_at=row.registered_at,
        first_known=float(first or row.registered_at),
        closed=bool(row.closed),
        rollout=row.rollout,
        change_started=started is not None,
        newest=connection.execute(select(plans.c.id).where(same, later)).first() is None,
        scheduled_by=row.scheduled_by,
        overrides=tuple(json.loads(row.overrides)),
        override_reason=row.override_reason,
    )
