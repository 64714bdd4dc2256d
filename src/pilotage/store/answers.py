"""Answers by Idempotency-Key: a request that comes again, after a lost connection, gets the answer of the first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from pilotage.core.errors import Refused, WrongRequest
from pilotage.store.schema import answers

KEPT_S = 24 * 3600.0
TAKEN_OVER_S = 60.0
"""One that was begun so long ago, and that nobody answers any more: whoever did has crashed."""


class OtherRequest(WrongRequest):
    """The key was used for another request."""


class BeingAnswered(Refused):
    """The first request with this key has no answer yet."""


@dataclass(frozen=True)
class Kept:
    """As it was answered: `status` is HTTP's, `body` its JSON."""

    status: int
    body: str


def claim(connection: Connection, key: str, caller: str, request: str, at: float, answering: bool) -> Kept | None:
    """The answer that was given; None when this request is to be answered now.

    `answering`: the first one with this key is being answered here. Raises OtherRequest and BeingAnswered.
    """
    connection.execute(delete(answers).where(answers.c.at < at - KEPT_S))
    where = (answers.c.key == key, answers.c.caller == caller)
    row = connection.execute(select(answers).where(*where)).first()
    if row is None:
        about = {"key": key, "caller": caller, "request": request}
        connection.execute(insert(answers).values(**about, status=None, body="", at=at))
        return None
    if row.request != request:
        raise OtherRequest("this Idempotency-Key was used for another request: a key belongs to one request only")
    if row.status is not None:
        return Kept(row.status, row.body)
    if answering or at < row.at + TAKEN_OVER_S:
        raise BeingAnswered("the first request with this Idempotency-Key is being answered: ask again in a moment")
    connection.execute(update(answers).where(*where).values(at=at))
    return None


def keep(connection: Connection, key: str, caller: str, kept: Kept) -> None:
    where = (answers.c.key == key, answers.c.caller == caller)
    connection.execute(update(answers).where(*where).values(status=kept.status, body=kept.body))


def forget(connection: Connection, key: str, caller: str) -> None:
    """It was not answered: the next request with this key is the first one again."""
    where = (answers.c.key == key, answers.c.caller == caller, answers.c.status.is_(None))
    connection.execute(delete(answers).where(*where))
