"""Every message arrives, in order, once as far as the service can tell - whatever the service and the process do."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, update

from pilotage.comms import Comms
from pilotage.comms.lane import LONGEST_PAUSE_S
from pilotage.core import events as ev
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Action, Channel, DriverRef, Verdict
from pilotage.drivers import Message, registry
from pilotage.store import messages, queries
from pilotage.store.schema import rollouts
from tests.comms.world import World, console, sink, webhook

FINE = Verdict(Action.PROMOTE, "fine")
STORY: tuple[ev.Event, ...] = (
    ev.RolloutStarted("go"),
    ev.PhaseStarted(0, "10 %", 10.0),
    ev.PhasePassed(0, "10 %", FINE),
    ev.ApprovalRequested(0, "10 %"),
    ev.PersonNeeded(0, "look"),
    ev.RollbackStarted(0, "worse"),
    ev.RolledBack("worse", 0.4),
    ev.RecoveryConfirmed("as before", 60.0),
)
TOLD = [one.kind for one in STORY if one.kind not in ("phase_started", "rollback_started")]
"""A rollback that is over before its beginning was told is told once."""


async def follow_until(comms: Comms, done: Callable[[], bool], within_s: float = 60.0) -> None:
    """Follows until `done()`; real time bounds it."""
    following = asyncio.create_task(comms.follow())
    try:
        async with asyncio.timeout(within_s):
            while not done():
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def test_through_a_service_that_fails_and_hangs_and_a_restart_all_arrives_in_order(world: World) -> None:
    chance = random.Random(7)

    def answer() -> tuple[int, bool]:
        drawn = chance.random()
        return (204, False) if drawn < 0.1 else (503, True) if drawn < 0.6 else (204, True)

    with sink(answer) as service:
        plan = world.plan(webhook(f"{service.url}/a"), webhook(f"{service.url}/b", audience="pager"))
        for name in ("one", "two", "three"):
            await world.rollout(name, plan)
            await world.happened(name, *STORY)
        await follow_until(world.comms(within_s=0.2), lambda: len(service.taken) >= 8)
        await follow_until(world.comms(within_s=0.2), lambda: len(service.taken) == 3 * (len(TOLD) + 4))
        await follow_until(world.comms(within_s=0.2), lambda: True)
        for name in ("one", "two", "three"):
            said = [[one["kind"] for one in service.taken if (one["rollout"], one["path"]) == (name, path)]
                    for path in ("/a", "/b")]  # fmt: skip
            assert said == [TOLD, ["approval_requested", "person_needed", "rolled_back", "recovery_confirmed"]]
        assert len({one["id"] for one in service.taken}) == len(service.taken)
        twice = [one for one, times in service.times.items() if times > 1]
        assert twice
        assert all(service.attempts[one][-1] > 0 for one in twice), "a repeat must say that it is one"
        assert all(tries == sorted(set(tries)) for tries in service.attempts.values()), "each try has its own number"


async def test_a_channel_that_hangs_delays_neither_the_other_channel_nor_another_rollout(world: World) -> None:
    with sink(lambda: (204, False)) as hanging, sink() as good:
        plan = world.plan(webhook(hanging.url), webhook(good.url))
        for name in ("one", "two"):
            await world.rollout(name, plan)
            await world.happened(name, *STORY)
        began = asyncio.get_running_loop().time()
        await follow_until(world.comms(within_s=30.0), lambda: len(good.taken) == 2 * len(TOLD), within_s=20.0)
        assert asyncio.get_running_loop().time() - began < 20.0
        assert [one["kind"] for one in hanging.taken] == ["rollout_started"] * 2


async def test_a_hung_service_is_given_up_and_said_and_asked_again_with_a_number(world: World) -> None:
    with sink(lambda: (204, False)) as hanging:
        await world.rollout("one", world.plan(webhook(hanging.url)))
        await world.happened("one", *STORY[:1])
        comms = world.comms(within_s=1.0)
        await world.told(comms)
        (row,) = await world.store.run(messages.backlog)
        assert (row.attempts, row.last_error) == (1, "webhook did not answer within 1 s")
        world.clock.time += 2.5
        await world.told(comms)
        assert hanging.attempts["one/0/0"] == [0, 1]


class Refusing:
    """A driver that raises, and keeps what it was given."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.given: list[Message] = []

    async def send(self, message: Message) -> str | None:
        self.given.append(message)
        if self.errors:
            raise self.errors.pop(0)
        return f"post-{len(self.given)}" if len(self.given) < 4 else None

    async def close(self) -> None:
        raise OSError("cannot even close")


def through(monkeypatch: pytest.MonkeyPatch, driver: Refusing) -> Refusing:
    monkeypatch.setattr(registry, "build", lambda *_: driver)
    return driver


async def test_pauses_grow_from_two_seconds_to_a_minute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = through(monkeypatch, Refusing(*[TemporaryError("busy")] * 9))
    await world.rollout("one", world.plan(console()))
    await world.happened("one", *STORY[:1])
    comms, pauses = world.comms(), []
    for _ in range(9):
        await world.told(comms)
        began, count = world.clock.time, len(driver.given)
        while len(driver.given) == count:
            world.clock.time += 0.5
            await world.told(comms)
        pauses.append(world.clock.time - began)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert [one.attempt for one in driver.given] == list(range(10))
    assert await world.store.run(messages.backlog) == []


async def test_what_is_refused_for_good_is_tried_each_minute_and_said_clearly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = through(monkeypatch, Refusing(PermanentError("the service refused the token")))
    await world.rollout("one", world.plan(console()))
    await world.happened("one", *STORY[:1])
    comms = world.comms()
    await world.told(comms)
    (row,) = await world.store.run(messages.backlog)
    assert row.last_error == "refused, somebody has to put it right: the service refused the token"
    world.clock.time += LONGEST_PAUSE_S - 1
    await world.told(comms)
    assert len(driver.given) == 1
    world.clock.time += 1
    await world.told(comms)
    assert await world.sent("one") == ["rollout_started"]


async def test_tries_are_counted_across_a_restart_also_when_the_process_was_killed_within_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    class Slow(Refusing):
        async def send(self, message: Message) -> str | None:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    through(monkeypatch, Slow())
    await world.rollout("one", world.plan(console()))
    await world.happened("one", *STORY[:1])
    following = asyncio.create_task(world.comms(within_s=60.0).follow())
    await asyncio.wait_for(started.wait(), 10)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    driver = through(monkeypatch, Refusing())
    await world.told(world.comms())
    assert [one.attempt for one in driver.given] == [1]


KILLED = """
import asyncio, sys
from pathlib import Path
from pilotage.comms import Comms
from pilotage.store import open_store
asyncio.run(Comms(open_store(Path(sys.argv[1])), Path(sys.argv[1]), lambda: float(sys.argv[2])).follow())
"""


async def test_a_process_that_is_killed_while_it_sends_goes_on_at_that_very_message(world: World) -> None:
    answering = iter([(204, True), (204, True), (204, False)])
    with sink(lambda: next(answering, (204, True))) as service:
        await world.rollout("one", world.plan(webhook(service.url)))
        await world.happened("one", *STORY)
        argv = [sys.executable, "-c", KILLED, str(world.folder), str(world.clock.time)]
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
        async with asyncio.timeout(60):
            while len(service.taken) < 3:
                await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
        assert await world.sent("one") == TOLD[:2]
        await world.told(world.comms())
        assert [one["kind"] for one in service.taken] == TOLD
        assert await world.sent("one") == TOLD
        assert [tries for tries in service.attempts.values() if tries != [0]] == [[0, 1]]


async def test_the_thread_is_what_was_last_returned_and_survives_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = through(monkeypatch, Refusing())
    await world.rollout("one", world.plan(console()))
    await world.happened("one", *STORY[:4])
    await world.told(world.comms())
    await world.happened("one", *STORY[4:])
    await world.told(world.comms())
    assert [one.thread for one in driver.given] == ["", "post-1", "post-2", "post-3", "post-3", "post-3"]


async def test_a_closing_that_fails_is_no_reason_to_send_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = through(monkeypatch, Refusing())
    await world.rollout("one", world.plan(console()))
    await world.happened("one", *STORY[:1])
    comms = world.comms()
    await world.told(comms)
    await world.told(comms)
    assert len(driver.given) == 1


async def test_what_ended_before_a_restart_is_told_on_every_channel_but_not_last_weeks_news(world: World) -> None:
    for name, days in (("old", 3.0), ("new", 0.0)):
        await world.rollout(name, world.plan(console(f"{name}-1"), console(f"{name}-2")))
        await world.happened(name, ev.RolloutStarted(), ev.Promoted("fine"))
        await world.store.run(messages.open_channels, name, 2)
        await world.store.run(messages.passed, name, 0, 2)
        world.clock.time += days * 86400
        await world.store.run(queries.settle_rollout, name)
    await world.told(world.comms())
    assert [await world.sent(name, 1) for name in ("old", "new")] == [[], ["rollout_started", "promoted"]]
    assert await world.sent("new", 0) == []


async def test_an_event_that_is_still_missing_is_waited_for(world: World) -> None:
    await world.rollout("one", world.plan(console()))
    first, second = (
        ev.Recorded("one", number, world.clock.now(), "ann", event)
        for number, event in enumerate((ev.RolloutStarted(), ev.Promoted("fine")))
    )
    await world.store.run(queries.append_event, second)
    comms = world.comms()
    await world.told(comms)
    assert await world.sent("one") == []
    await world.store.run(queries.append_event, first)
    await world.told(comms)
    assert await world.sent("one") == ["rollout_started", "promoted"]


async def test_a_plan_that_cannot_be_read_stops_no_other(world: World) -> None:
    def spoil(connection: Connection) -> None:
        connection.execute(update(rollouts).where(rollouts.c.id == "bad").values(plan="{}"))

    for name in ("bad", "good"):
        await world.rollout(name, world.plan(console()))
        await world.happened(name, ev.RolloutStarted())
    await world.store.run(spoil)
    await world.told(world.comms())
    assert await world.sent("good") == ["rollout_started"]


async def test_a_driver_that_is_not_installed_is_named(world: World) -> None:
    await world.rollout("one", world.plan(Channel(DriverRef("pigeon", {}))))
    await world.happened("one", ev.RolloutStarted())
    await world.told(world.comms())
    (row,) = await world.store.run(messages.backlog)
    assert "there is no notify driver pigeon where the coordinator runs" in row.last_error
