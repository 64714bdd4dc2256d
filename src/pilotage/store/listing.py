"""Lists of rollouts, a page at a time: the newest first, without reading what the page does not show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from pilotage.codec import from_json
from pilotage.core.events import Recorded
from pilotage.core.people import Place
from pilotage.core.state import Status
from pilotage.store.queries import somewhere
from pilotage.store.schema import events, rollouts

Mark = tuple[float, str]
"""Where a page ends: the last row's `created_at` and id."""


@dataclass(frozen=True)
class Wanted:
    """Empty or None: whatever it is. `q` is looked for in ids, services, environments, people and versions."""

    service: str = ""
    environment: str = ""
    status: Status | None = None
    active: bool | None = None
    q: str = ""

    @property
    def searches(self) -> bool:
        """Every rollout has to be looked at, and many of the events."""
        return bool(self.q) or self.status in _ENDS


@dataclass(frozen=True)
class Listed:
    id: str
    service: str
    environment: str
    version: str
    requested_by: str
    created_at: float
    ended: bool
    settled: bool

    @property
    def mark(self) -> Mark:
        return self.created_at, self.id


def page(
    connection: Connection, places: Sequence[Place], wanted: Wanted, after: Mark | None, limit: int
) -> list[Listed]:
    """Those that may have the wanted status, among them all that have it: whoever folds their events knows."""
    where = [somewhere(rollouts, places), *_filters(wanted)]
    if after is not None:
        at, name = after
        where.append(or_(rollouts.c.created_at < at, and_(rollouts.c.created_at == at, rollouts.c.id < name)))
    order = (rollouts.c.created_at.desc(), rollouts.c.id.desc())
    names = list(connection.execute(select(rollouts.c.id).where(*where).order_by(*order).limit(limit)).scalars())
    rows = connection.execute(select(rollouts).where(rollouts.c.id.in_(names)).order_by(*order))
    return [
        Listed(
            row.id,
            row.service,
            row.environment,
            str(json.loads(row.plan).get("version", "")),
            row.requested_by,
            row.created_at,
            bool(row.ended),
            bool(row.settled),
        )
        for row in rows
    ]


def newest(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """The number of each one's newest event."""
    query = select(events.c.rollout, func.max(events.c.number)).where(events.c.rollout.in_(names))
    return {str(row[0]): int(row[1]) for row in connection.execute(query.group_by(events.c.rollout))}


def news(connection: Connection, known: Mapping[str, int]) -> list[Recorded]:
    """Of each rollout the events from that number on, in order."""
    if not known:
        return []
    new = [and_(events.c.rollout == name, events.c.number >= number) for name, number in known.items()]
    query = select(events.c.body).where(or_(*new)).order_by(events.c.rollout, events.c.number)
    return [from_json(Recorded, row.body) for row in connection.execute(query)]


def _filters(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.service:
        found.append(rollouts.c.service == wanted.service)
    if wanted.environment:
        found.append(rollouts.c.environment == wanted.environment)
    if wanted.active is not None:
        found.append(rollouts.c.ended.is_(not wanted.active))
    if wanted.status is not None:
        found.append(rollouts.c.ended.is_(wanted.status.ended))
    if wanted.status in _ENDS:
        last = [events.c.body.endswith(f'"kind":"{kind}"}}}}', autoescape=True) for kind in _ENDS[wanted.status]]
        found.append(select(events.c.rollout).where(events.c.rollout == rollouts.c.id, or_(*last)).exists())
    if wanted.q:
        columns = (rollouts.c.id, rollouts.c.service, rollouts.c.environment, rollouts.c.requested_by)
        said = [one.icontains(wanted.q, autoescape=True) for one in columns]
        version = json.dumps(wanted.q, ensure_ascii=False)[1:-1]
        said.append(rollouts.c.plan.contains(f'"version":"{version}', autoescape=True))
        found.append(or_(*said))
    return found


_ENDS = {
    Status.PROMOTED: ("promoted",),
    Status.ROLLED_BACK: ("rolled_back", "direct_rollback"),
    Status.FAILED: ("failed",),
}
"""The kinds of event that may bring a rollout to this end; a body ends with its kind."""
