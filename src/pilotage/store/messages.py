"""Which messages went where: a cursor for each channel of a rollout (or of a plan that waits), and what was sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from pilotage.core.sent import SentMessage
from pilotage.store.schema import deliveries, events, messages

LONGEST_ERROR = 500


@dataclass(frozen=True)
class Delivery:
    """How far a channel is: the event that is next, how often its message was tried, and why that failed."""

    next_number: int = 0
    attempts: int = 0
    last_error: str = ""
    thread: str = ""
    """The post that the next message edits or answers."""


@dataclass(frozen=True)
class Sent:
    """One message that went out; its text is not kept. `at` in Unix seconds."""

    number: int
    audience: str
    driver: str
    kind: str
    title: str
    at: float


def open_channels(connection: Connection, rollout: str, channels: int) -> list[Delivery]:
    """Where each of its channels is; those that are new begin at the first event."""
    query = select(deliveries).where(deliveries.c.rollout == rollout)
    there = {row.channel: row for row in connection.execute(query)}
    found = []
    for channel in range(channels):
        row = there.get(channel)
        if row is None:
            values = {"rollout": rollout, "channel": channel, "next_number": 0, "attempts": 0, "last_error": ""}
            connection.execute(insert(deliveries).values(**values, thread=""))
        found.append(Delivery(row.next_number, row.attempts, row.last_error, row.thread) if row else Delivery())
    return found


def begin(connection: Connection, rollout: str, channel: int, number: int) -> Delivery:
    """Counts a try before it is made, for whoever is killed in the middle of it; returns how it stood before."""
    where = _place(rollout, channel)
    row = connection.execute(select(deliveries).where(where)).one()
    before = row.attempts if row.next_number == number else 0
    connection.execute(update(deliveries).where(where).values(next_number=number, attempts=before + 1))
    return Delivery(number, before, row.last_error, row.thread)


def failed(connection: Connection, rollout: str, channel: int, error: str) -> None:
    """`error` without secrets."""
    connection.execute(update(deliveries).where(_place(rollout, channel)).values(last_error=error[:LONGEST_ERROR]))


def passed(connection: Connection, rollout: str, channel: int, next_number: int) -> None:
    """Everything before `next_number` is told, or is not for this channel."""
    values = {"next_number": next_number, "attempts": 0, "last_error": ""}
    connection.execute(update(deliveries).where(_place(rollout, channel)).values(**values))


def sent(connection: Connection, rollout: str, channel: int, message: Sent, thread: str | None) -> None:
    """The message is out: noted, and the channel goes on. `thread` None keeps the last post."""
    passed(connection, rollout, channel, message.number + 1)
    if thread is not None:
        connection.execute(update(deliveries).where(_place(rollout, channel)).values(thread=thread))
    about = {"audience": message.audience, "driver": message.driver, "kind": message.kind, "title": message.title}
    place = {"rollout": rollout, "channel": channel, "number": message.number}
    connection.execute(insert(messages).values(**place, **about, sent_at=message.at))


def sent_on(connection: Connection, rollout: str, channel: int) -> list[Sent]:
    """In their order."""
    where = (messages.c.rollout == rollout, messages.c.channel == channel)
    rows = connection.execute(select(messages).where(*where).order_by(messages.c.number))
    return [Sent(row.number, row.audience, row.driver, row.kind, row.title, row.sent_at) for row in rows]


def threads(connection: Connection, rollout: str) -> dict[int, str]:
    """By channel: the post that the rollout's messages edit or answer, where there is one."""
    query = select(deliveries.c.channel, deliveries.c.thread).where(deliveries.c.rollout == rollout)
    return {row.channel: row.thread for row in connection.execute(query) if row.thread}


def sent_of(connection: Connection, rollout: str) -> list[SentMessage]:
    """All messages of a rollout, on whichever channel, in the order in which they went out."""
    query = select(messages).where(messages.c.rollout == rollout)
    rows = connection.execute(query.order_by(messages.c.sent_at, messages.c.channel))
    return [SentMessage(row.sent_at, row.audience, row.driver, row.kind, row.title) for row in rows]


def heads(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The number of the last event of each of these rollouts and plans that has one."""
    query = select(events.c.rollout, func.max(events.c.number).label("number")).group_by(events.c.rollout)
    return {row.rollout: row.number for row in connection.execute(query.where(events.c.rollout.in_(names)))}


def backlog(connection: Connection) -> Sequence[Row[Any]]:
    """Channels whose last attempt failed: (rollout, channel, attempts, last_error)."""
    return connection.execute(select(deliveries).where(deliveries.c.last_error != "")).all()


def untold(connection: Connection, since: float) -> set[str]:
    """Rollouts and plans with an event since then that not every channel has passed, or that none has looked at yet."""
    last = (
        select(events.c.rollout, func.max(events.c.number).label("number"))
        .group_by(events.c.rollout)
        .having(func.max(events.c.at) >= since)
        .subquery()
    )
    told = (
        select(deliveries.c.rollout, func.min(deliveries.c.next_number).label("next"))
        .group_by(deliveries.c.rollout)
        .subquery()
    )
    query = select(last.c.rollout).outerjoin(told, told.c.rollout == last.c.rollout)
    query = query.where(or_(told.c.next.is_(None), told.c.next <= last.c.number))
    return set(connection.execute(query).scalars())


def _place(rollout: str, channel: int) -> Any:
    return and_(deliveries.c.rollout == rollout, deliveries.c.channel == channel)
