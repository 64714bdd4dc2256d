"""One message for each rollout in a chat: where it is, what it shows, and which events its thread has told.

Which rollouts have something new is read from the audit log, by a cursor. A rollout gets its row in the transaction in
which the cursor passes its event: from then on nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from pilotage.store import audit
from pilotage.store.schema import chats, cursors, events, heard, rollouts

LONGEST_ERROR = 500
AT_ONCE = 1000
HEARD_FOR_S = 3600.0
OVER_S = 86400.0


@dataclass(frozen=True)
class Chat:
    """`attempts` counts tries to post what comes next that were not noted as arrived."""

    rollout: str
    channel: str
    message: str
    next_number: int
    shown: str
    attempts: int
    last_error: str


@dataclass(frozen=True)
class Behind:
    """A rollout whose thread lacks so many events, or whose message could not be posted or edited."""

    rollout: str
    events: int
    attempts: int
    last_error: str


def take(connection: Connection, chat: str, services: Iterable[str], at: float) -> set[str]:
    """The rollouts that have a row and new entries in the audit log; the cursor goes on.

    The first time only what has not ended is taken up, and of its events those that are still to come. After a long
    time without the chat it is not filled with what is over.
    """
    cursor = connection.execute(select(cursors.c.number).where(cursors.c.name == _own(chat))).scalar()
    allowed = frozenset(services)
    if cursor is None:
        last, _ = audit.hold(connection)
        connection.execute(insert(cursors).values(name=_own(chat), number=last + 1, attempts=0, last_error="", at=at))
        running = connection.execute(select(rollouts.c.id).where(rollouts.c.ended.is_(False))).scalars().all()
        return {one for one in running if _has_row(connection, chat, one, _after_last(connection, one), allowed, True)}
    found = audit.following(connection, cursor, AT_ONCE)
    first: dict[str, tuple[int, bool]] = {}
    for one in found:
        if one.entry.kind == audit.EVENT:
            rollout, _, number = one.entry.object.rpartition("#")
            first.setdefault(rollout, (int(number), one.entry.at >= at - OVER_S))
    if found:
        connection.execute(
            update(cursors).where(cursors.c.name == _own(chat)).values(number=found[-1].number + 1, at=at)
        )
    return {name for name, (number, new) in first.items() if _has_row(connection, chat, name, number, allowed, new)}


def _has_row(
    connection: Connection, chat: str, rollout: str, next_number: int, allowed: frozenset[str], new: bool
) -> bool:
    """Makes it where it is missing. Not for a plan that has not started, for a service that is not told here, nor for
    what was over before anybody looked."""
    if connection.execute(select(chats.c.rollout).where(_place(rollout, chat))).first() is not None:
        return True
    row = connection.execute(select(rollouts.c.service, rollouts.c.ended).where(rollouts.c.id == rollout)).first()
    if row is None or (allowed and row.service not in allowed) or (row.ended and not new):
        return False
    values = {"channel": "", "message": "", "shown": "", "attempts": 0, "last_error": ""}
    connection.execute(insert(chats).values(rollout=rollout, chat=chat, next_number=next_number, **values))
    return True


def open_ones(connection: Connection, chat: str, since: float) -> set[str]:
    """After a restart: what is not told to its end, and what had an event since then, whose message may show less."""
    last = select(events.c.rollout, func.max(events.c.number).label("number"), func.max(events.c.at).label("at"))
    head = last.group_by(events.c.rollout).subquery()
    query = select(chats.c.rollout).join(head, head.c.rollout == chats.c.rollout).where(chats.c.chat == chat)
    open_one = or_(chats.c.message == "", chats.c.next_number <= head.c.number, head.c.at >= since)
    return set(connection.execute(query.where(open_one)).scalars())


def running(connection: Connection, chat: str) -> set[str]:
    """Those with a row that have not ended: what they show may change without an event."""
    query = select(chats.c.rollout).join(rollouts, rollouts.c.id == chats.c.rollout)
    return set(connection.execute(query.where(chats.c.chat == chat, rollouts.c.ended.is_(False))).scalars())


def get(connection: Connection, chat: str, rollout: str) -> Chat:
    return _chat(connection.execute(select(chats).where(_place(rollout, chat))).one())


def begin(connection: Connection, chat: str, rollout: str) -> int:
    """Counts a try to post before it is made, for whoever is killed in the middle of it; how many there were before."""
    before: int = connection.execute(select(chats.c.attempts).where(_place(rollout, chat))).scalar_one()
    connection.execute(update(chats).where(_place(rollout, chat)).values(attempts=before + 1))
    return before


def posted(connection: Connection, chat: str, rollout: str, channel: str, message: str, shown: str) -> None:
    values = {"channel": channel, "message": message, "shown": shown, "attempts": 0, "last_error": ""}
    connection.execute(update(chats).where(_place(rollout, chat)).values(**values))


def gone(connection: Connection, chat: str, rollout: str) -> None:
    """Somebody has removed the message, or another channel is meant now: a new one is to be posted."""
    connection.execute(update(chats).where(_place(rollout, chat)).values(message="", shown="", attempts=0))


def shows(connection: Connection, chat: str, rollout: str, shown: str) -> None:
    connection.execute(update(chats).where(_place(rollout, chat)).values(shown=shown, last_error=""))


def told(connection: Connection, chat: str, rollout: str, next_number: int) -> None:
    """Everything before that event is told, or is not for people in a chat."""
    values = {"next_number": next_number, "attempts": 0, "last_error": ""}
    connection.execute(update(chats).where(_place(rollout, chat)).values(**values))


def failed(connection: Connection, chat: str, rollout: str, error: str) -> None:
    """`error` without secrets."""
    connection.execute(update(chats).where(_place(rollout, chat)).values(last_error=error[:LONGEST_ERROR]))


def behind(connection: Connection, chat: str) -> list[Behind]:
    """Those whose last try failed."""
    query = select(chats).where(chats.c.chat == chat, chats.c.last_error != "")
    return [
        Behind(row.rollout, _after_last(connection, row.rollout) - row.next_number, row.attempts, row.last_error)
        for row in connection.execute(query.order_by(chats.c.rollout)).all()
    ]


def hear(connection: Connection, chat: str, message: str, at: float) -> bool:
    """Whether this message comes for the first time; the next one like it does nothing."""
    connection.execute(delete(heard).where(heard.c.hook == _own(chat), heard.c.at < at - HEARD_FOR_S))
    where = and_(heard.c.hook == _own(chat), heard.c.message == message)
    if connection.execute(select(heard.c.at).where(where)).first() is not None:
        return False
    connection.execute(insert(heard).values(hook=_own(chat), message=message, at=at))
    return True


def _own(chat: str) -> str:
    """Its name among those of the hooks and webhooks, which a team may call as the chat is called."""
    return f"chat {chat}"


def _after_last(connection: Connection, rollout: str) -> int:
    """The number that the rollout's next event will have."""
    last = connection.execute(select(func.max(events.c.number)).where(events.c.rollout == rollout)).scalar()
    return 0 if last is None else last + 1


def _place(rollout: str, chat: str) -> Any:
    return and_(chats.c.rollout == rollout, chats.c.chat == chat)


def _chat(row: Row[Any]) -> Chat:
    about = (row.rollout, row.channel, row.message, row.next_number, row.shown, row.attempts, row.last_error)
    return Chat(*about)
