"""The audit log: what people, tokens and tools did or tried, and every event of the record, in one chain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from pilotage.core.auditing import Entry, body_hash, chained
from pilotage.store.schema import audit, audit_head, events

EVENT = "event"
"""The `kind` of entries that seal an event; their `object` is ROLLOUT#NUMBER."""
ORIGIN, HEAD = 0, 1
AT_ONCE = 1000


@dataclass(frozen=True)
class Numbered:
    number: int
    entry: Entry
    hash: str


def hold(connection: Connection) -> tuple[int, str]:
    """The last number and hash; nobody else appends until this transaction ends. To be the first thing in it."""
    connection.execute(update(audit_head).where(audit_head.c.id == HEAD).values(number=audit_head.c.number))
    return head(connection)


def append(connection: Connection, entry: Entry) -> int:
    """Its number."""
    last, before = hold(connection)
    number = last + 1
    sealed = chained(before, number, entry)
    values = {"at": entry.at, "by": entry.by, "kind": entry.kind, "what": entry.what, "object": entry.object}
    connection.execute(
        insert(audit).values(number=number, **values, outcome=entry.outcome, detail=entry.detail, hash=sealed)
    )
    connection.execute(update(audit_head).where(audit_head.c.id == HEAD).values(number=number, hash=sealed))
    return number


def seal_event(connection: Connection, rollout: str, number: int, at: float, by: str, what: str, body: str) -> None:
    append(connection, Entry(at, by, EVENT, what, f"{rollout}#{number}", detail=body_hash(body)))


def newest(
    connection: Connection, before: int | None = None, limit: int = 100, by: str = "", object: str = ""
) -> list[Numbered]:
    """The newest first; `before` is the number from which it goes on."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.number < before)
    if by:
        query = query.where(audit.c.by == by)
    if object:
        query = query.where((audit.c.object == object) | audit.c.object.startswith(f"{object}#", autoescape=True))
    return [_numbered(row) for row in connection.execute(query)]


def following(connection: Connection, number: int, limit: int = 100) -> list[Numbered]:
    """From that number on, the oldest first."""
    query = select(audit).where(audit.c.number >= number).order_by(audit.c.number).limit(limit)
    return [_numbered(row) for row in connection.execute(query)]


def head(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(audit_head).where(audit_head.c.id == HEAD)).one()
    return int(row.number), str(row.hash)


@dataclass(frozen=True)
class Verified:
    """`wrong`: a sentence for each place where the log or the record is not as it was written."""

    entries: int
    events: int
    head: str
    wrong: tuple[str, ...]


def verify(connection: Connection, most: int = 20, expect: str = "") -> Verified:
    """Goes through the whole chain, and through every event that it seals.

    `expect`: a hash that was the head once. Whoever can write to the database can write a whole new chain, which has
    nothing wrong in itself; but it does not have that hash.
    """
    wrong: list[str] = []
    sealed: set[tuple[str, int]] = set()
    origin, last, told = _stored_heads(connection)
    before, expected, seen = origin, 1, expect in ("", origin)
    for one in _all(connection):
        seen = seen or one.hash == expect
        if one.number != expected:
            wrong.append(f"entries {expected} to {one.number - 1} are missing")
        elif chained(before, one.number, one.entry) != one.hash:
            wrong.append(f"entry {one.number} ({one.entry.what} of {one.entry.object}) was changed")
        before, expected = one.hash, one.number + 1
        if one.entry.kind == EVENT:
            wrong += _event_is_wrong(connection, one, sealed)
        if len(wrong) >= most:
            return Verified(expected - 1, len(sealed), told, tuple(wrong[:most]))
    if (last, told) != (expected - 1, before):
        wrong.append(f"the log ends with entry {expected - 1}, and was {last} entries long")
    if not seen:
        wrong.append(f"no entry has the hash {expect}: the log was written anew since that was noted")
    if _sealed_by_origin(connection, sealed) != origin:
        wrong.append("an event was added, changed or taken away beside the log, or before it began")
    return Verified(expected - 1, len(sealed), told, tuple(wrong[:most]))


def _event_is_wrong(connection: Connection, one: Numbered, sealed: set[tuple[str, int]]) -> list[str]:
    rollout, _, number = one.entry.object.rpartition("#")
    if not (number.isascii() and number.isdigit()):
        return [f"entry {one.number} seals no event: {one.entry.object}"]
    sealed.add((rollout, int(number)))
    where = (events.c.rollout == rollout, events.c.number == int(number))
    body = connection.execute(select(events.c.body).where(*where)).scalar()
    if body is None:
        return [f"event {number} of {rollout} ({one.entry.what}) is missing"]
    return (
        [] if body_hash(body) == one.entry.detail else [f"event {number} of {rollout} ({one.entry.what}) was changed"]
    )


def _stored_heads(connection: Connection) -> tuple[str, int, str]:
    """Where the chain begins - the hash over what was recorded before there was a log - and where it says it ends."""
    rows = {row.id: (int(row.number), str(row.hash)) for row in connection.execute(select(audit_head))}
    return rows.get(ORIGIN, (0, ""))[1], *rows.get(HEAD, (0, ""))


def _sealed_by_origin(connection: Connection, sealed: set[tuple[str, int]]) -> str:
    """The hash over all events that have no entry, as they are now."""
    found = hashlib.sha256()
    query = select(events.c.rollout, events.c.number, events.c.body).order_by(events.c.rollout, events.c.number)
    for row in connection.execute(query):
        if (row.rollout, row.number) not in sealed:
            found.update(row.body.encode())
    return found.hexdigest()


def _all(connection: Connection) -> Iterator[Numbered]:
    number = 0
    while found := following(connection, number, AT_ONCE):
        yield from found
        number = found[-1].number + 1


def _numbered(row: Row[Any]) -> Numbered:
    return Numbered(
        row.number, Entry(row.at, row.by, row.kind, row.what, row.object, row.outcome, row.detail), row.hash
    )
