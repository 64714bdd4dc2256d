"""What is not sent at night is told afterwards, and what flaps is told once - also over a restart."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pilotage.core import events as ev
from pilotage.core.model import Action, Quiet, Verdict
from pilotage.store import messages, queries
from tests.comms.world import World, console

NIGHT = Quiet(22 * 60, 7 * 60, "Europe/Berlin")


def passed(name: str) -> ev.Event:
    return ev.PhasePassed(0, name, Verdict(Action.PROMOTE, "fine"))


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()


def said(world: World) -> str:
    file = Path(world.folder / "said.log")
    return file.read_text() if file.exists() else ""


async def test_in_the_morning_one_message_tells_of_the_whole_night_although_nobody_was_up(world: World) -> None:
    world.clock.time = berlin("2027-01-15 23:00")
    await world.rollout("one", world.plan(console(quiet=NIGHT)))
    await world.happened("one", ev.RolloutStarted(), passed("10 %"), ev.Promoted("all phases passed"))
    await world.store.run(queries.settle_rollout, "one")
    await world.told(world.comms())
    assert said(world) == ""
    world.clock.time = berlin("2027-01-16 07:00")
    await world.told(world.comms())  # the coordinator was started again
    assert await world.sent("one") == ["promoted"]
    line = "While it was quiet: shop 2: rollout started in test (2027-01-15 22:00 UTC); shop 2: phase 10 % passed"
    assert line.replace("shop", "one") in said(world)
    await world.told(world.comms())
    assert await world.sent("one") == ["promoted"]


async def test_something_urgent_at_night_is_sent_at_once_and_takes_along_what_waited(world: World) -> None:
    world.clock.time = berlin("2027-01-15 23:00")
    await world.rollout("one", world.plan(console(quiet=NIGHT)))
    await world.happened("one", passed("10 %"))
    comms = world.comms()
    await world.told(comms)
    await world.happened("one", ev.PersonNeeded(0, "look"))
    await world.told(comms)
    assert await world.sent("one") == ["person_needed"]
    assert "While it was quiet: one 2: phase 10 % passed" in said(world)
    world.clock.time = berlin("2027-01-16 07:01")
    await world.happened("one", ev.Promoted("fine"))
    await world.told(world.comms())
    assert await world.sent("one") == ["person_needed", "promoted"]
    assert said(world).count("phase 10 %") == 1


async def test_a_long_night_is_told_in_five_titles_and_a_number(world: World) -> None:
    world.clock.time = berlin("2027-01-15 23:00")
    await world.rollout("one", world.plan(console(quiet=NIGHT)))
    await world.happened("one", *(passed(f"{share} %") for share in range(9)), ev.PersonNeeded(0, "look"))
    await world.told(world.comms())
    assert said(world).count("passed (") == 5
    assert said(world).rstrip().endswith("; and 4 more.")


async def test_a_hold_that_flaps_is_told_once_also_over_a_restart(world: World) -> None:
    await world.rollout("one", world.plan(console()))
    for minute in range(7):
        await world.happened("one", ev.Held(0, f"no data {minute}"), ev.HoldCleared(0, "data again"))
        world.clock.time += 58
        await world.told(world.comms())
    assert said(world).count("no data") == 2
    assert [said(world).count(f"no data {minute}") for minute in (0, 5)] == [1, 1]


async def test_what_could_not_be_told_for_two_days_is_a_line_in_the_next_message(world: World) -> None:
    folder = world.folder / "later"
    await world.rollout("one", world.plan(console("later/said.log")))
    await world.happened("one", passed("10 %"))
    await world.told(world.comms())
    (row,) = await world.store.run(messages.backlog)
    assert row.last_error.startswith("refused, somebody has to put it right: cannot write announcements")
    world.clock.time += 3 * 86400
    folder.mkdir()
    await world.happened("one", ev.Promoted("fine"))
    await world.told(world.comms())
    assert await world.sent("one") == ["promoted"]
    assert "Not told in time: one 2: phase 10 % passed" in (folder / "said.log").read_text()
    assert await world.store.run(messages.backlog) == []
