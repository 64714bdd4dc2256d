"""What a rollout's log listener knows, kept with the samples it has counted for."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from pilotage.codec import from_json, to_json
from pilotage.logs.saved import LogState, Saved, SavedSignature
from pilotage.store.schema import log_signatures, log_states


def save(connection: Connection, rollout: str, saved: Saved) -> None:
    """Replaces the state and the signatures that have changed."""
    connection.execute(delete(log_states).where(log_states.c.rollout == rollout))
    connection.execute(insert(log_states).values(rollout=rollout, body=to_json(saved.state)))
    rows = [{"rollout": rollout, "number": one.signature.number, "body": to_json(one)} for one in saved.signatures]
    for first in range(0, len(rows), 500):
        part = rows[first : first + 500]
        numbers = [row["number"] for row in part]
        where = (log_signatures.c.rollout == rollout, log_signatures.c.number.in_(numbers))
        connection.execute(delete(log_signatures).where(*where))
        connection.execute(insert(log_signatures), part)


def load(connection: Connection, rollout: str) -> Saved | None:
    """None when nothing was saved yet."""
    state = connection.execute(select(log_states.c.body).where(log_states.c.rollout == rollout)).scalar()
    if state is None:
        return None
    query = select(log_signatures.c.body).where(log_signatures.c.rollout == rollout).order_by(log_signatures.c.number)
    rows = tuple(from_json(SavedSignature, body) for body in connection.execute(query).scalars())
    return Saved(rows, from_json(LogState, state))
