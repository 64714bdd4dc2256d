"""What follows the audit log, and how far each has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from pilotage.store import audit
from pilotage.store.schema import cursors


@dataclass(frozen=True)
class Following:
    """`entries`: so many it has not passed yet; `failing`: it did not take the last one that it was told."""

    entries: int
    failing: bool


def look(connection: Connection, names: Collection[str]) -> tuple[int, dict[str, Following]]:
    """The number of the audit log's last entry, and how far those of these are that have begun. A follower that is in
    the settings no more keeps its place, and is nobody's trouble."""
    last, _ = audit.head(connection)
    rows = connection.execute(select(cursors).where(cursors.c.name.in_(names)))
    return last, {row.name: Following(max(0, last + 1 - row.number), row.attempts > 0) for row in rows}
