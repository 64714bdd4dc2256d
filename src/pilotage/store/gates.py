"""Freezes, and locks that people take: who closed what, why, until when. Kept after they are lifted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from pilotage.core.errors import NotFound, Refused
from pilotage.store.schema import freezes, held_locks


@dataclass(frozen=True)
class Freeze:
    """`service` and `environment` empty: all of them. `ends` None: until it is lifted. Instants are Unix seconds."""

    id: str
    service: str
    environment: str
    reason: str
    owner: str
    begins: float
    ends: float | None

    lifted_by: str = ""
    lifted_at: float | None = None
    lift_reason: str = ""

    def __str__(self) -> str:
        what = " in ".join(one for one in (self.service or "every service", self.environment) if one)
        until = minute(self.ends) if self.ends is not None else "it is lifted"
        return f"{what} is frozen by {self.owner} until {until}: {self.reason} (freeze {self.id})"


@dataclass(frozen=True)
class HeldLock:
    service: str
    environment: str
    reason: str
    owner: str
    since: float
    released_by: str = ""
    released_at: float | None = None
    release_reason: str = ""

    def __str__(self) -> str:
        who = (
            f"{self.service} in {self.environment} is locked by {self.owner} since {minute(self.since)}: {self.reason}"
        )
        return f"{who}; `pilotage unlock {self.service} --environment {self.environment}`"


def minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def add_freeze(connection: Connection, freeze: Freeze, at: float) -> str:
    name = secrets.token_hex(3)
    connection.execute(
        insert(freezes).values(
            id=name,
            service=freeze.service,
            environment=freeze.environment,
            reason=freeze.reason,
            owner=freeze.owner,
            made_at=at,
            begins=freeze.begins,
            ends=freeze.ends,
            lifted_by="",
            lifted_at=None,
            lift_reason="",
        )
    )
    return name


def lift_freeze(connection: Connection, name: str, by: str, reason: str, at: float) -> None:
    where = (freezes.c.id == name, freezes.c.lifted_at.is_(None))
    told = {"lifted_by": by, "lifted_at": at, "lift_reason": reason}
    if not connection.execute(update(freezes).where(*where).values(**told)).rowcount:
        raise NotFound(f"there is no freeze {name!r} in force or to come. `pilotage freezes` shows them.")


def coming_freezes(connection: Connection, at: float) -> list[Freeze]:
    """In force or still to come."""
    query = select(freezes).where(freezes.c.lifted_at.is_(None), or_(freezes.c.ends.is_(None), freezes.c.ends > at))
    return [_freeze(row) for row in connection.execute(query.order_by(freezes.c.begins))]


def all_freezes(connection: Connection) -> list[Freeze]:
    """Also those that have ended or were lifted, the newest first."""
    return [_freeze(row) for row in connection.execute(select(freezes).order_by(freezes.c.made_at.desc()))]


def freezes_of(connection: Connection, service: str, environment: str, at: float) -> list[Freeze]:
    """In force now for this service and environment."""
    return [
        one
        for one in coming_freezes(connection, at)
        if one.begins <= at and one.service in ("", service) and one.environment in ("", environment)
    ]


def take_lock(connection: Connection, lock: HeldLock) -> None:
    """Raises Refused naming the holder when somebody holds it."""
    holder = lock_of(connection, lock.service, lock.environment)
    if holder is not None:
        raise Refused(f"{lock.service} in {lock.environment} is locked already by {holder.owner}: {holder.reason}")
    connection.execute(
        insert(held_locks).values(
            id=secrets.token_hex(6),
            service=lock.service,
            environment=lock.environment,
            reason=lock.reason,
            owner=lock.owner,
            since=lock.since,
            released_by="",
            released_at=None,
            release_reason="",
        )
    )


def release_lock(connection: Connection, service: str, environment: str, by: str, reason: str, at: float) -> None:
    where = (held_locks.c.service == service, held_locks.c.environment == environment)
    told = {"released_by": by, "released_at": at, "release_reason": reason}
    held = held_locks.c.released_at.is_(None)
    if not connection.execute(update(held_locks).where(*where, held).values(**told)).rowcount:
        raise NotFound(f"{service} in {environment} is not locked. `pilotage locks` shows what is.")


def held(connection: Connection) -> list[HeldLock]:
    query = select(held_locks).where(held_locks.c.released_at.is_(None)).order_by(held_locks.c.since)
    return [_lock(row) for row in connection.execute(query)]


def all_locks(connection: Connection) -> list[HeldLock]:
    """Also those that were released, the newest first."""
    return [_lock(row) for row in connection.execute(select(held_locks).order_by(held_locks.c.since.desc()))]


def lock_of(connection: Connection, service: str, environment: str) -> HeldLock | None:
    mine = [one for one in held(connection) if (one.service, one.environment) == (service, environment)]
    return mine[0] if mine else None


def _freeze(row: Row[Any]) -> Freeze:
    lifted = (row.lifted_by, row.lifted_at, row.lift_reason)
    return Freeze(row.id, row.service, row.environment, row.reason, row.owner, row.begins, row.ends, *lifted)


def _lock(row: Row[Any]) -> HeldLock:
    released = (row.released_by, row.released_at, row.release_reason)
    return HeldLock(row.service, row.environment, row.reason, row.owner, row.since, *released)
