"""What is new in the store since somebody last looked: one short transaction for all who follow rollouts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from pilotage.codec import from_json
from pilotage.core.events import Recorded
from pilotage.store import audit, queries
from pilotage.store.schema import events, rollouts

AT_ONCE = 500


@dataclass(frozen=True)
class Told:
    """An event, with the number of the audit log's entry that seals it, and where its rollout belongs."""

    entry: int
    recorded: Recorded
    service: str
    environment: str


@dataclass(frozen=True)
class New:
    """`last` is the last entry that was looked at; `places` are the newest samples (phase, tick) of those asked for."""

    last: int
    told: tuple[Told, ...]
    places: dict[str, tuple[int, int]]
    settled: frozenset[str]
    more: bool
    """There is more than was read at once."""


def since(connection: Connection, last: int, followed: Collection[str]) -> New:
    """What came after entry `last` of the audit log; samples of the rollouts `followed` only."""
    found = audit.following(connection, last + 1, AT_ONCE) if audit.head(connection)[0] > last else []
    told = [one for entry in found if entry.entry.kind == audit.EVENT and (one := _told(connection, entry))]
    places = {one: place for one in followed if (place := queries.last_place(connection, one)) is not None}
    done = select(rollouts.c.id).where(rollouts.c.id.in_(followed), rollouts.c.ended, rollouts.c.settled)
    settled = frozenset(connection.execute(done).scalars()) if followed else frozenset()
    last = found[-1].number if found else last
    return New(last, tuple(told), places, settled, len(found) == AT_ONCE)


def after(connection: Connection, rollout: str, number: int) -> list[Told]:
    """The events of one rollout after that number. Their entries are not looked up."""
    service, environment = queries.place_of(connection, rollout)
    record = queries.events_of(connection, rollout, number + 1)
    return [Told(0, one, service, environment) for one in record]


def newest(connection: Connection, rollout: str) -> int:
    """The number of a rollout's newest event, -1 when it has none; without a rollout of the audit log's last entry."""
    if not rollout:
        return audit.head(connection)[0]
    found = connection.execute(select(func.max(events.c.number)).where(events.c.rollout == rollout)).scalar()
    return -1 if found is None else int(found)


def _told(connection: Connection, entry: audit.Numbered) -> Told | None:
    rollout, _, number = entry.entry.object.rpartition("#")
    where = (events.c.rollout == rollout, events.c.number == int(number))
    joined = select(events.c.body, rollouts.c.service, rollouts.c.environment).join(
        rollouts, rollouts.c.id == events.c.rollout
    )
    row = connection.execute(joined.where(*where)).first()
    if row is None:
        return None
    return Told(entry.number, from_json(Recorded, row.body), row.service, row.environment)
