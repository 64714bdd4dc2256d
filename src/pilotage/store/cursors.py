"""How far each follower of the audit log is: one row each, however long one of them does not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from pilotage.codec import from_json
from pilotage.core.events import Recorded
from pilotage.core.model import Plan
from pilotage.store import audit
from pilotage.store.schema import audit as entries
from pilotage.store.schema import cursors, events, plans, rollouts

LONGEST_ERROR = 500


@dataclass(frozen=True)
class Cursor:
    """`number` is the next entry. `attempts`: how often in a row it failed, since the instant `at`; when there were
    none, it last moved then."""

    number: int
    attempts: int
    last_error: str
    at: float


def look(connection: Connection, names: Collection[str], now: float) -> tuple[int, dict[str, Cursor]]:
    """The number of the log's last entry, and where each follower is. A new one begins behind that entry."""
    last, _ = audit.head(connection)
    rows = connection.execute(select(cursors).where(cursors.c.name.in_(names)))
    found = {row.name: Cursor(row.number, row.attempts, row.last_error, row.at) for row in rows}
    for name in names:
        if name not in found:
            found[name] = Cursor(last + 1, 0, "", now)
            connection.execute(insert(cursors).values(name=name, number=last + 1, attempts=0, last_error="", at=now))
    return last, found


def move(connection: Connection, name: str, before: int, number: int, now: float) -> bool:
    """False when it does not stand at `before` any more: somebody has moved it meanwhile."""
    where = (cursors.c.name == name, cursors.c.number == before)
    told = {"number": number, "attempts": 0, "last_error": "", "at": now}
    return connection.execute(update(cursors).where(*where).values(**told)).rowcount == 1


def skip(connection: Connection, name: str, before: int, number: int) -> bool:
    """As `move`, of one that goes on failing: since when and how often stays."""
    where = (cursors.c.name == name, cursors.c.number == before)
    return connection.execute(update(cursors).where(*where).values(number=number)).rowcount == 1


def fail(connection: Connection, name: str, error: str, now: float) -> Cursor:
    """One more attempt that failed; how it stands now."""
    row = connection.execute(select(cursors).where(cursors.c.name == name)).one()
    since = now if row.attempts == 0 else row.at
    told = {"attempts": row.attempts + 1, "last_error": error[:LONGEST_ERROR], "at": since}
    connection.execute(update(cursors).where(cursors.c.name == name).values(**told))
    return Cursor(row.number, row.attempts + 1, error[:LONGEST_ERROR], since)


def put(connection: Connection, name: str, number: int, now: float) -> None:
    """Wherever it was."""
    told = {"number": number, "attempts": 0, "last_error": "", "at": now}
    if not connection.execute(update(cursors).where(cursors.c.name == name).values(**told)).rowcount:
        connection.execute(insert(cursors).values(name=name, **told))


def recorded(connection: Connection, rollout: str, number: int) -> Recorded | None:
    where = (events.c.rollout == rollout, events.c.number == number)
    text = connection.execute(select(events.c.body).where(*where)).scalar()
    return from_json(Recorded, text) if text is not None else None


def record(connection: Connection, rollout: str, first: int, last: int) -> list[Recorded]:
    """The rollout's events with numbers from `first` to `last`."""
    query = select(events.c.body).where(events.c.rollout == rollout, events.c.number.between(first, last))
    return [from_json(Recorded, text) for text in connection.execute(query.order_by(events.c.number)).scalars()]


def plan_of(connection: Connection, name: str) -> tuple[bool, Plan] | None:
    """Whether that is a rollout, else a plan that is known; and its plan."""
    text = connection.execute(select(rollouts.c.plan).where(rollouts.c.id == name)).scalar()
    if text is not None:
        return True, from_json(Plan, text)
    text = connection.execute(select(plans.c.plan).where(plans.c.id == name)).scalar()
    return (False, from_json(Plan, text)) if text is not None else None


def services_of(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """By the id of a rollout or a known plan."""
    wanted = set(names)
    found: dict[str, str] = {}
    for table in (plans, rollouts):
        rows = connection.execute(select(table.c.id, table.c.service).where(table.c.id.in_(wanted)))
        found |= {row.id: row.service for row in rows}
    return found


def older(connection: Connection, number: int, before: float) -> int:
    """The first number from `number` on whose entry is not older than `before`."""
    query = select(entries.c.number).where(entries.c.number >= number, entries.c.at >= before)
    first = connection.execute(query.order_by(entries.c.number).limit(1)).scalar()
    return int(first) if first is not None else audit.head(connection)[0] + 1


def waiting(
    connection: Connection, number: int, kinds: Collection[str], services: Collection[str], until: int | None = None
) -> int:
    """How many events from `number` on (before `until`) have one of the kinds and services; empty: all."""
    query = select(entries.c.object).where(entries.c.number >= number, entries.c.kind == audit.EVENT)
    if until is not None:
        query = query.where(entries.c.number < until)
    if kinds:
        query = query.where(entries.c.what.in_(kinds))
    counted = Counter(name.rpartition("#")[0] for name in connection.execute(query).scalars())
    if not services:
        return counted.total()
    whose = services_of(connection, counted)
    return sum(count for name, count in counted.items() if whose.get(name) in services)
