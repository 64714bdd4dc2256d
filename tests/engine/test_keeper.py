"""Deadlines that pass and windows that open, with the test's own clock; store and drivers are real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pilotage import planfile
from pilotage.comms import Comms
from pilotage.coordinator import Coordinator
from pilotage.core import events as ev
from pilotage.core.errors import NotFound, Refused
from pilotage.desk import Desk
from pilotage.engine import Order, Outcome, Start
from pilotage.keeper import Keeper
from pilotage.store import Store, known, open_store, queries
from pilotage.store.known import KnownPlan
from tests.stage import Stage
from tests.taking import made_known

OPENS = 4_072_107_600.0  # 2099-01-14 22:00 in Berlin
WINDOW = 'start: {from: "2099-01-14 22:00", until: "2099-01-15 02:00", zone: Europe/Berlin}'


class OwnClock:
    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class NotedStarts:
    """An engine that only notes what it was asked to start."""

    def __init__(self) -> None:
        self.starts: list[Start] = []

    async def start(self, start: Start) -> None:
        self.starts.append(start)

    async def command(self, rollout: str, order: Order) -> Outcome:
        raise NotFound(rollout)

    async def is_running(self, rollout: str) -> bool:
        return False

    async def close(self) -> None: ...


class World:
    def __init__(self, state: Path, stage: Stage) -> None:
        self.state, self.stage = state, stage
        self.clock = OwnClock(OPENS - 3600)
        self.engine = NotedStarts()
        self.store: Store = open_store(state)
        self.begin()

    def begin(self) -> None:
        """As a process that starts anew: nothing but the store remains."""
        self.coordinator = Coordinator(self.store, self.engine, self.state, self.clock)
        self.keeper = Keeper(self.coordinator, self.clock)

    async def known(self, more: str, **text: str) -> str:
        body = self.stage.plan("shop", more=more)
        return await made_known(self.coordinator.desk, body["plan"], body["directory"], "plan.yaml", "ann")

    async def kinds(self, plan: str) -> list[str]:
        return [one.event.kind for one in await self.store.run(queries.events_of, plan)]

    async def reasons(self, plan: str) -> list[str]:
        record = await self.store.run(queries.events_of, plan)
        return [one.event.reason for one in record if isinstance(one.event, ev.StartRefused)]


@pytest.fixture
async def world(tmp_path: Path, stage: Stage) -> AsyncIterator[World]:
    world = World(tmp_path, stage)
    yield world
    world.store.close()


async def test_a_scheduled_plan_starts_when_its_window_opens_and_not_before(world: World) -> None:
    plan = await world.known(WINDOW)
    answer = await world.coordinator.desk.schedule(plan, "ann", (), "")
    assert "which opens in 1 h" in answer["starts"]
    await world.keeper.look()
    assert world.engine.starts == []
    world.begin()
    world.clock.time = OPENS
    await world.keeper.look()
    (started,) = world.engine.starts
    assert (started.by, started.plan.service) == ("ann", "shop")
    await world.keeper.look()
    assert len(world.engine.starts) == 1
    assert await world.kinds(plan) == ["plan_registered", "start_scheduled", "checklist_passed", "plan_closed"]


async def test_what_refuses_a_scheduled_start_is_said_once_and_tried_again_each_minute(world: World) -> None:
    plan = await world.known(WINDOW + "\nchecklist: [{id: tested, part: team, text: It is tested}]")
    await world.coordinator.desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS
    for _ in range(5):
        await world.keeper.look()
        world.clock.time += 61
    assert len(await world.reasons(plan)) == 1
    assert "tested" in (await world.reasons(plan))[0]
    await world.coordinator.desk.tick(plan, ["tested"], "bo", "", False)
    await world.keeper.look()
    assert len(world.engine.starts) == 1


async def test_a_window_that_passes_closes_the_plan_and_says_so(world: World) -> None:
    plan = await world.known(WINDOW + "\nchecklist: [{id: tested, part: team, text: It is tested}]")
    await world.coordinator.desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS + 5 * 3600
    await world.keeper.look()
    assert await world.reasons(plan) == ["its window has passed, and it was not started"]
    assert (await world.kinds(plan))[-1] == "plan_closed"
    assert await world.coordinator.desk.plans() == []


async def test_a_plan_without_a_window_or_whose_window_has_passed_is_not_scheduled(world: World) -> None:
    with pytest.raises(Refused, match="no window to wait for"):
        await world.coordinator.desk.schedule(await world.known(""), "ann", (), "")
    plan = await world.known(WINDOW)
    world.clock.time = OPENS + 5 * 3600
    with pytest.raises(Refused, match="which passed 1 h ago"):
        await world.coordinator.desk.schedule(plan, "ann", (), "")


async def test_a_deadline_that_passes_is_recorded_once_also_over_a_restart(world: World) -> None:
    plan = await world.known("start: {within: 1h}")
    world.clock.time += 3599
    await world.keeper.look()
    assert await world.kinds(plan) == ["plan_registered"]
    world.clock.time += 62
    await world.keeper.look()
    world.begin()
    await world.keeper.look()
    assert await world.kinds(plan) == ["plan_registered", "start_overdue"]
    (row,) = await world.coordinator.desk.plans()
    assert row["overdue"] == "overdue by 1 min 1 s"


async def test_a_changed_plan_does_not_get_a_new_hour(world: World) -> None:
    await world.known("start: {within: 1h}")
    world.clock.time += 3500
    second = await world.known("start: {within: 1h}\nreferences: [INC-1]")
    world.clock.time += 200
    view = await world.coordinator.desk.view(second)
    assert view["overdue"] == "overdue by 1 min 40 s"


async def test_a_late_start_is_allowed_and_recorded_as_late(world: World) -> None:
    plan = await world.known("start: {within: 1h}")
    world.clock.time += 3600 + 1500
    await world.coordinator.start_known(plan, "ann", "", ())
    (started,) = world.engine.starts
    assert started.checklist is not None
    assert started.checklist.late_s == 1500
    assert await world.coordinator.late_s(started.rollout) == 1500


async def test_a_forgotten_plan_is_never_overdue_until_it_is_known_again(world: World) -> None:
    plan = await world.known("start: {within: 1h}")
    await world.coordinator.desk.forget(plan, "ann", "not needed")
    world.clock.time += 7200
    await world.keeper.look()
    assert await world.kinds(plan) == ["plan_registered", "plan_closed"]
    await world.known("start: {within: 1h}")
    await world.keeper.look()
    assert (await world.kinds(plan))[-1] == "start_overdue"


async def test_a_plan_that_was_started_is_not_overdue_when_somebody_looks_at_it_again(world: World) -> None:
    plan = await world.known("start: {within: 1h}")
    await world.coordinator.start_known(plan, "ann", "", ())
    assert await world.known("start: {within: 1h}") == plan
    world.clock.time += 7200
    await world.keeper.look()
    assert "start_overdue" not in await world.kinds(plan)
    assert await world.coordinator.desk.plans() == []


async def test_a_start_meets_the_deadline_of_every_version_of_the_plan(world: World) -> None:
    first = await world.known("start: {within: 1h}")
    second = await world.known("start: {within: 1h}\nreferences: [INC-1]")
    await world.coordinator.start_known(second, "ann", "", ())
    world.clock.time += 7200
    await world.keeper.look()
    assert await world.kinds(first) == ["plan_registered", "plan_closed"]
    again = await world.known("start: {within: 1h}\nreferences: [INC-2]")
    await world.keeper.look()
    assert "start_overdue" not in await world.kinds(again)


async def test_a_plan_that_was_rewritten_is_said_to_be_overdue_once(world: World) -> None:
    first = await world.known("start: {within: 1h}")
    world.clock.time += 10
    second = await world.known("start: {within: 1h}\nreferences: [INC-1]")
    world.clock.time += 7200
    await world.keeper.look()
    await world.known("start: {within: 1h}\nreferences: [INC-2]")
    await world.keeper.look()
    assert await world.kinds(first) == ["plan_registered"]
    assert await world.kinds(second) == ["plan_registered", "start_overdue"]
    assert [bool(row["overdue"]) for row in await world.coordinator.desk.plans()].count(True) == 1


async def test_a_start_that_is_cut_off_is_done_wholly_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before its transaction ends: no rollout, and the plan still waits."""
    plan = await world.known(WINDOW)
    await world.coordinator.desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS

    def cut(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr("pilotage.store.known.note_all", cut)
        await world.keeper.look()
    assert await world.store.run(queries.list_rollouts) == []
    world.begin()
    await world.keeper.look()
    assert len(world.engine.starts) == 1


async def test_a_rollout_whose_engine_was_never_told_starts_with_its_checklist(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after its transaction: the next coordinator starts it, once, and knows what was checked."""
    plan = await world.known(WINDOW)
    await world.coordinator.desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS

    async def cut(start: Start) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(world.engine, "start", cut)
        await world.keeper.look()
    world.begin()
    await world.coordinator.recover()
    world.clock.time += 61
    await world.keeper.look()
    (started,) = world.engine.starts
    assert started.checklist is not None
    assert [one.id for one in started.checklist.items][:2] == ["window", "freeze"]
    assert (await world.coordinator.desk.view(plan))["rollout"] == started.rollout


async def test_words_that_change_with_every_look_are_not_announced_with_every_look(world: World, stage: Stage) -> None:
    build = stage.folder / "built"
    build.write_text("#!/bin/sh\ndate +%N\nexit 1\n")
    build.chmod(0o755)
    rows = "[{id: built, part: technical, text: T, check: command, command: [./built]}, {id: b, part: team, text: T}]"
    plan = await world.known(f"{WINDOW}\nchecklist: {rows}")
    await world.coordinator.desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS
    for _ in range(3):
        await world.keeper.look()
        world.clock.time += 61
    await world.coordinator.desk.tick(plan, ["b"], "bo", "", False)
    await world.keeper.look()
    assert len(await world.reasons(plan)) == 1
    await world.coordinator.desk.tick(plan, ["b"], "bo", "", True)
    stage.up = False
    world.clock.time += 61
    await world.keeper.look()
    assert len(await world.reasons(plan)) == 2


async def test_one_plan_that_cannot_be_looked_at_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await world.known("start: {within: 1h}")
    other = await world.known("start: {within: 2h}\nreferences: [INC-1]")
    world.clock.time += 7300
    keep = world.keeper._keep

    async def fails_for_the_other(one: KnownPlan) -> None:
        if one.id == plan:
            raise OSError("unreadable")
        await keep(one)

    monkeypatch.setattr(world.keeper, "_keep", fails_for_the_other)
    await world.keeper.look()
    assert "start_overdue" in await world.kinds(other)


async def test_the_plan_that_is_scheduled_last_is_the_one_that_starts(world: World) -> None:
    first = await world.known(WINDOW)
    await world.coordinator.desk.schedule(first, "ann", (), "")
    world.clock.time += 60
    second = await world.known(f"{WINDOW}\nreferences: [INC-1]")
    await world.coordinator.desk.schedule(second, "bo", (), "")
    world.clock.time = OPENS
    await world.keeper.look()
    assert [one.by for one in world.engine.starts] == ["bo"]
    assert (await world.kinds(first))[-1] == "plan_closed"


async def test_a_start_that_is_called_off_while_its_drivers_are_asked_does_not_come(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await world.known(WINDOW)
    desk = world.coordinator.desk
    await desk.schedule(plan, "ann", (), "")
    world.clock.time = OPENS
    let_through = type(desk).let_through

    async def meanwhile(self: Desk, *about: Any) -> ev.ChecklistPassed:
        passed = await let_through(self, *about)
        await self.forget(plan, "bo", "not tonight")
        return passed

    monkeypatch.setattr(type(desk), "let_through", meanwhile)
    await world.keeper.look()
    assert world.engine.starts == []
    assert await world.store.run(queries.list_rollouts) == []
    assert (await world.kinds(plan))[-1] == "plan_closed"


async def test_a_copy_that_is_only_looked_at_does_not_move_a_scheduled_plan(world: World, tmp_path: Path) -> None:
    plan = await world.known(WINDOW)
    desk = world.coordinator.desk
    await desk.schedule(plan, "ann", (), "")
    body = world.stage.plan("shop", more=WINDOW)
    assert await made_known(desk, body["plan"], str(tmp_path), "copy.yaml", "eve") == plan
    assert (await desk.view(plan))["path"] == str(world.stage.folder / "plan.yaml")
    await desk.forget(plan, "ann", "")
    await made_known(desk, body["plan"], str(tmp_path), "copy.yaml", "eve")
    assert (await desk.view(plan))["path"] == str(tmp_path / "copy.yaml")


async def test_another_plan_under_the_same_id_gets_none_of_its_ticks(world: World) -> None:
    """Eight digits of a digest can be made to agree; the whole digest cannot."""
    body = world.stage.plan("shop", more="checklist: [{id: tested, part: team, text: T}]")
    desk = world.coordinator.desk
    plan = await made_known(desk, body["plan"], body["directory"], "plan.yaml", "ann")
    await desk.tick(plan, ["tested"], "ann", "", False)
    other = planfile.load(body["plan"].replace("a test", "another"), directory=Path(body["directory"]))
    forged = replace(other, digest="sha256:" + plan.rpartition("-")[2] + "f" * 56)
    with pytest.raises(Refused, match="another plan is known as"):
        await world.store.run(known.register, forged, "", "plan.yaml", "eve", world.clock.now())


async def test_a_message_that_was_cut_off_by_a_restart_is_sent_after_it(world: World) -> None:
    """The plan was closed and the process killed before anything was sent."""
    hook = f"notify: [{{driver: webhook, url: 'http://127.0.0.1:{world.stage.port}/hook'}}]"
    world.clock.time = time.time()
    plan = await world.known(f"start: {{within: 1m}}\n{hook}")
    world.clock.time += 61
    await world.keeper.look()
    await world.coordinator.desk.forget(plan, "ann", "")
    telling = asyncio.create_task(Comms(world.store, world.state).follow())
    async with asyncio.timeout(30):
        while not world.stage.messages:
            await asyncio.sleep(0.05)
    telling.cancel()
    assert [one["kind"] for one in world.stage.messages] == ["start_overdue"]


async def test_overdue_is_announced_once_although_the_sink_refuses_every_other_attempt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pilotage.comms

    hook = f"notify: [{{driver: webhook, url: 'http://127.0.0.1:{world.stage.port}/hook'}}]"
    plan = await world.known(f"start: {{within: 1h}}\n{hook}")
    world.clock.time += 3700
    await world.keeper.look()
    for _ in range(2):  # the second one is a coordinator that was started again
        telling = asyncio.create_task(Comms(world.store, world.state).follow())
        async with asyncio.timeout(30):
            while not world.stage.messages:
                await asyncio.sleep(0.05)
        for _ in range(3):
            await asyncio.sleep(pilotage.comms.EVERY_S)
        telling.cancel()
    (message,) = world.stage.messages
    assert (message["kind"], message["rollout"]) == ("start_overdue", plan)
    assert "was to start within 1 h, and has not" in message["text"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilotage.comms.EVERY_S", 0.05)


def test_the_windows_instant_is_the_one_its_zone_says(stage: Stage) -> None:
    body: dict[str, Any] = stage.plan("shop", more=WINDOW)
    plan = planfile.load(body["plan"], directory=Path(body["directory"]))
    assert plan.preparation.start.opens_at == OPENS
