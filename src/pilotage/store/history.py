"""What the figures of deliveries are made of. A record's bodies hold verdicts and are large: only their ends are read,
which say what kind an event is and, of those that count here, what is needed of it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select

from pilotage.codec import from_json
from pilotage.core.dora import Delivery, Mark, walk
from pilotage.core.events import DirectRollback, Recorded
from pilotage.store.schema import events, plans, rollouts

END = 64
"""Characters of an event's body. Its kind comes last, and before it what is needed: see `mark`."""
_KIND = re.compile(r'"kind":"([a-z_]+)"\}\}$')
_WEIGHT = re.compile(r'"(?:weight|share)":([0-9.eE+-]+),"kind"')

Change = tuple[str, str, str]
"""A service's version in an environment."""


@dataclass(frozen=True)
class Ended:
    """A rollout that has ended, and how long its record is."""

    id: str
    service: str
    environment: str
    started_at: float
    length: int


def ended_since(connection: Connection, begin: float) -> list[Ended]:
    """Begun at `begin` or later, the oldest first."""
    first, last = events.alias(), events.alias()
    length = select(func.max(last.c.number)).where(last.c.rollout == rollouts.c.id).scalar_subquery()
    query = (
        select(rollouts.c.id, rollouts.c.service, rollouts.c.environment, first.c.at, length)
        .join(first, and_(first.c.rollout == rollouts.c.id, first.c.number == 0))
        .where(rollouts.c.ended.is_(True), first.c.at >= begin)
        .order_by(first.c.at)
    )
    return [Ended(*row) for row in connection.execute(query)]


def first_known(connection: Connection) -> dict[Change, float]:
    """When a plan for each change was first known."""
    query = select(plans.c.service, plans.c.environment, plans.c.version, events.c.at)
    query = query.join(events, and_(events.c.rollout == plans.c.id, events.c.number == 0))
    found: dict[Change, float] = {}
    for service, environment, version, at in connection.execute(query):
        change = (service, environment, version)
        found[change] = min(at, found.get(change, at))
    return found


def deliveries(connection: Connection, ended: Sequence[Ended], known: dict[Change, float]) -> list[Delivery]:
    """What became of these rollouts."""
    ids = [one.id for one in ended]
    query = select(rollouts.c.id, rollouts.c.plan).where(rollouts.c.id.in_(ids))
    plan_of = {row.id: json.loads(row.plan) for row in connection.execute(query)}
    marks = marks_of(connection, ids)
    found = []
    for one in ended:
        plan, walked = plan_of[one.id], walk(marks.get(one.id, ()))
        if walked is None:
            continue
        version = str(plan["version"])
        known_at = min(known.get((one.service, one.environment, version), one.started_at), one.started_at)
        about = (one.id, one.service, one.environment, version, str(plan["previous"]), bool(plan["known_bad"]))
        found.append(Delivery(*about, known_at, one.started_at, walked))
    return found


def marks_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Mark]]:
    end = func.substr(events.c.body, func.length(events.c.body) - (END - 1))
    query = select(events.c.rollout, events.c.number, events.c.at, end.label("end")).where(events.c.rollout.in_(ids))
    found: dict[str, list[Mark]] = {}
    for rollout, number, at, text in connection.execute(query.order_by(events.c.rollout, events.c.number)):
        one = mark(at, text)
        found.setdefault(rollout, []).append(
            _without_us(connection, rollout, number) if one.kind == "direct_rollback" else one
        )
    return found


def mark(at: float, end: str) -> Mark:
    """Of the end of an event's body, as the codec writes it."""
    kind, weight = _KIND.search(end), _WEIGHT.search(end)
    by_judge = not end.endswith('"verdict":null,"kind":"held"}}')
    return Mark(at, kind[1] if kind else "", float(weight[1]) if weight else None, by_judge)


def _without_us(connection: Connection, rollout: str, number: int) -> Mark:
    where = (events.c.rollout == rollout, events.c.number == number)
    body = connection.execute(select(events.c.body).where(*where)).scalar_one()
    event = from_json(Recorded, body).event
    assert isinstance(event, DirectRollback)
    return Mark(event.at, event.kind, took_s=event.took_s if event.method else None)
