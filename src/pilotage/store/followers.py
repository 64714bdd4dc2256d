"""What follows the audit log, and how far each has come."""

from __future__ import annotations

from sqlalchemy import Connection, select

from pilotage.store import audit
from pilotage.store.schema import cursors


def behind(connection: Connection) -> tuple[int, dict[str, int]]:
    """The number of the audit log's last entry, and by follower how many entries it has not passed yet."""
    last, _ = audit.head(connection)
    return last, {row.name: max(0, last + 1 - row.number) for row in connection.execute(select(cursors))}
