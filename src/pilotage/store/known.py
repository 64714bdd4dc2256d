"""Plans that are known before they run: queries over one connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from pilotage.codec import from_json, to_json
from pilotage.core import events as ev
from pilotage.core.errors import NotFound
from pilotage.core.model import Plan
from pilotage.store.queries import append_event, events_of
from pilotage.store.schema import events, plans, rollouts


@dataclass(frozen=True)
class KnownPlan:
    """`first_known` is when the same service, environment and version was first planned: a deadline counts from it."""

    id: str
    plan: Plan
    plan_text: str
    directory: str
    file: str
    registered_by: str
    registered_at: float
    first_known: float
    closed: bool
    scheduled_by: str
    overrides: tuple[str, ...]
    override_reason: str

    @property
    def due_at(self) -> float | None:
        within = self.plan.preparation.start.within_s
        return None if within is None else self.first_known + within


def plan_id(plan: Plan) -> str:
    """The same for the same content: the service's name and the digest's beginning."""
    return f"{plan.service}-{plan.digest.removeprefix('sha256:')[:8]}"


def register(connection: Connection, plan: Plan, text: str, file: str, by: str, at: float) -> str:
    """Notes the plan, once; returns its id. One that was closed is open again."""
    name = plan_id(plan)
    row = connection.execute(select(plans.c.closed).where(plans.c.id == name)).first()
    if row is None:
        connection.execute(
            insert(plans).values(
                id=name,
                service=plan.service,
                environment=plan.environment,
                version=plan.version,
                plan=to_json(plan),
                plan_text=text,
                directory=plan.directory,
                file=file,
                registered_by=by,
                registered_at=at,
                closed=False,
                scheduled_by="",
                overrides="[]",
                override_reason="",
            )
        )
        note(connection, name, ev.PlanRegistered(plan.digest), by, at)
    else:
        told = {"plan": to_json(plan), "plan_text": text, "directory": plan.directory, "file": file, "closed": False}
        connection.execute(update(plans).where(plans.c.id == name).values(**told))
    return name


def note(connection: Connection, name: str, event: ev.Event, by: str, at: float) -> None:
    """Adds to the plan's record."""
    last = connection.execute(select(func.max(events.c.number)).where(events.c.rollout == name)).scalar()
    append_event(connection, ev.Recorded(name, 0 if last is None else last + 1, at, by, event))


def get(connection: Connection, name: str) -> KnownPlan:
    row = connection.execute(select(plans).where(plans.c.id == name)).first()
    if row is None:
        raise NotFound(f"there is no plan {name!r}. `pilotage plans` shows those that are known.")
    return _known(connection, row)


def open_plans(connection: Connection) -> list[KnownPlan]:
    rows = connection.execute(select(plans).where(plans.c.closed.is_(False)).order_by(plans.c.registered_at.desc()))
    return [_known(connection, row) for row in rows.all()]


def open_names(connection: Connection) -> set[str]:
    return set(connection.execute(select(plans.c.id).where(plans.c.closed.is_(False))).scalars())


def plan_of(connection: Connection, name: str) -> Plan:
    """Of a rollout's id, or of a known plan's."""
    row = connection.execute(select(rollouts.c.plan).where(rollouts.c.id == name)).first()
    return from_json(Plan, row.plan) if row is not None else get(connection, name).plan


def schedule(connection: Connection, name: str, by: str, overrides: Sequence[str], reason: str) -> None:
    told = {"scheduled_by": by, "overrides": json.dumps(list(overrides)), "override_reason": reason}
    connection.execute(update(plans).where(plans.c.id == name).values(**told))


def close(connection: Connection, name: str, reason: str, rollout: str, by: str, at: float) -> None:
    """Closing one twice changes nothing."""
    where = (plans.c.id == name, plans.c.closed.is_(False))
    if connection.execute(update(plans).where(*where).values(closed=True, scheduled_by="")).rowcount:
        note(connection, name, ev.PlanClosed(reason, rollout), by, at)


def siblings(connection: Connection, known: KnownPlan) -> list[tuple[str, int]]:
    """Other plans of the same change that were ticked: (id, how many items)."""
    plan = known.plan
    query = select(plans.c.id).where(
        plans.c.service == plan.service,
        plans.c.environment == plan.environment,
        plans.c.version == plan.version,
        plans.c.id != known.id,
    )
    counted = []
    for name in connection.execute(query.order_by(plans.c.registered_at.desc())).scalars():
        ticked = {one.event.item for one in events_of(connection, name) if isinstance(one.event, ev.Ticked)}
        if ticked:
            counted.append((str(name), len(ticked)))
    return counted


def _known(connection: Connection, row: Row[Any]) -> KnownPlan:
    same = (plans.c.service == row.service, plans.c.environment == row.environment, plans.c.version == row.version)
    first = connection.execute(select(func.min(plans.c.registered_at)).where(*same)).scalar()
    return KnownPlan(
        row.id,
        from_json(Plan, row.plan),
        row.plan_text,
        row.directory,
        row.file,
        row.registered_by,
        row.registered_at,
        float(first or row.registered_at),
        bool(row.closed),
        row.scheduled_by,
        tuple(json.loads(row.overrides)),
        row.override_reason,
    )
