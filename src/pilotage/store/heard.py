"""Which messages of other tools have acted: each does so once."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from pilotage.store.schema import heard

KEPT_S = 30 * 86400.0


def those_of(connection: Connection, hook: str, messages: Collection[str]) -> set[str]:
    where = (heard.c.hook == hook, heard.c.message.in_(list(messages)))
    return set(connection.execute(select(heard.c.message).where(*where)).scalars())


def remember(connection: Connection, hook: str, messages: Collection[str], at: float) -> None:
    """Those that are known stay as they are; what is older than a month is forgotten."""
    wanted = dict.fromkeys(messages)
    connection.execute(delete(heard).where(heard.c.hook == hook, heard.c.at < at - KEPT_S))
    there = those_of(connection, hook, wanted)
    rows = [{"hook": hook, "message": one, "at": at} for one in wanted if one not in there]
    if rows:
        connection.execute(insert(heard), rows)
