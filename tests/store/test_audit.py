"""The chain of the audit log: whatever is changed behind its back is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from pilotage.codec import to_json
from pilotage.core import events as ev
from pilotage.core.auditing import Entry
from pilotage.store import audit, open_store, queries
from pilotage.store import schema as tables
from pilotage.store.audit import verify


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    store = open_store(tmp_path)
    with store._engine.begin() as opened:
        yield opened
    store.close()


def say(connection: Connection, number: int = 3) -> None:
    for index in range(number):
        queries.append_event(connection, ev.Recorded("shop-1", index, 10.0 + index, "ada", ev.Paused(0, f"no {index}")))
        audit.append(connection, Entry(20.0 + index, "ada", "person", "pause", "shop-1"))


def test_a_log_that_nobody_touched_is_as_it_was_written(connection: Connection) -> None:
    say(connection)

    found = verify(connection)

    assert found.wrong == ()
    assert (found.entries, found.events) == (6, 3)
    assert found.head == audit.head(connection)[1]


def test_an_event_said_again_is_sealed_once(connection: Connection) -> None:
    say(connection, 1)
    queries.append_event(connection, ev.Recorded("shop-1", 0, 99.0, "ada", ev.Paused(0, "no 0")))

    assert verify(connection).entries == 2


@pytest.mark.parametrize("column", ["by", "at", "what", "object", "outcome", "detail", "kind"])
def test_a_changed_entry_is_found(connection: Connection, column: str) -> None:
    say(connection)
    value = 5.0 if column == "at" else "mallory"
    connection.execute(update(tables.audit).where(tables.audit.c.number == 4).values({column: value}))

    assert verify(connection).wrong[0].startswith("entry 4 (")


def test_an_entry_that_is_missing_is_found(connection: Connection) -> None:
    say(connection)
    connection.execute(delete(tables.audit).where(tables.audit.c.number == 2))

    assert "entries 2 to 2 are missing" in verify(connection).wrong


def test_the_end_cut_off_is_found(connection: Connection) -> None:
    say(connection)
    connection.execute(delete(tables.audit).where(tables.audit.c.number == 6))

    assert verify(connection).wrong == ("the log ends with entry 5, and was 6 entries long",)


def test_a_changed_event_is_found(connection: Connection) -> None:
    say(connection)
    other = to_json(ev.Recorded("shop-1", 1, 11.0, "ada", ev.Paused(0, "another reason")))
    connection.execute(update(tables.events).where(tables.events.c.number == 1).values(body=other))

    assert verify(connection).wrong == ("event 1 of shop-1 (paused) was changed",)


def test_an_event_put_in_behind_the_log_is_found(connection: Connection) -> None:
    say(connection)
    forged = to_json(ev.Recorded("shop-1", 9, 1.0, "bob", ev.Approved(0, "")))
    values = {"rollout": "shop-1", "number": 9, "at": 1.0, "by": "bob", "body": forged}
    connection.execute(insert(tables.events).values(**values))

    assert verify(connection).wrong == ("an event was added, changed or taken away beside the log, or before it began",)


def test_an_event_that_is_missing_is_found(connection: Connection) -> None:
    say(connection)
    connection.execute(delete(tables.events).where(tables.events.c.number == 0))

    assert verify(connection).wrong == ("event 0 of shop-1 (paused) is missing",)


def test_who_looks_for_one_object_sees_its_events_too(connection: Connection) -> None:
    say(connection, 2)
    audit.append(connection, Entry(30.0, "bob", "person", "pause", "shop-10"))

    assert {one.entry.object for one in audit.newest(connection, object="shop-1")} == {"shop-1", "shop-1#0", "shop-1#1"}
    assert [one.number for one in audit.newest(connection, by="bob")] == [5]
    assert [one.number for one in audit.newest(connection, before=4, limit=2)] == [3, 2]


def test_two_processes_that_append_at_once_do_not_break_the_chain(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stores = [open_store(tmp_path) for _ in range(3)]

    def write(place: int) -> None:
        for index in range(20):
            with stores[place]._engine.begin() as connection:
                audit.append(connection, Entry(float(index), f"writer {place}", "person", "x", "y"))

    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, range(3)))
        with stores[0]._engine.begin() as connection:
            assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == 60
            assert verify(connection).wrong == ()
    finally:
        for one in stores:
            one.close()
