"""Going back: who is tried when, and who wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pilotage.core.model import Step, Way
from pilotage.engine import back
from pilotage.engine.back import GoneBack, go_back

PROXY, FLAG = Step("proxy", "set_weight", weight=0.0), Step("flag", "set_weight", weight=0.0)
OLD = Step("script", "deploy", version="1.0")
UNDO = Step("revert", "deploy", version="1.0")
TRAFFIC, REDEPLOY, REVERT = Way("traffic", (FLAG, PROXY)), Way("redeploy", (OLD,)), Way("revert", (UNDO, OLD))


class World:
    """`works` says of a target, and how often it was tried before, whether the step succeeds."""

    def __init__(self, works: Callable[[str, int], bool]) -> None:
        self._works = works
        self.tried: list[str] = []
        self.failed: list[tuple[str, str, str]] = []
        self.slow: dict[str, asyncio.Event] = {}

    async def attempt(self, step: Step) -> str | None:
        before = self.tried.count(step.target)
        self.tried.append(step.target)
        if step.target in self.slow:
            await self.slow[step.target].wait()
        return None if self._works(step.target, before) else f"{step.target} is broken"

    async def tell(self, way: Way, step: Step, error: str) -> None:
        self.failed.append((way.method, step.target, error))

    async def go(self, *ways: Way, **options: back.Barred) -> GoneBack:
        return await go_back(ways, self.attempt, self.tell, **options)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(back, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(back, "LONGEST_PAUSE_S", 0.002)


async def test_the_first_way_that_works_is_the_only_one_taken() -> None:
    world = World(lambda target, before: True)
    gone = await world.go(TRAFFIC, REDEPLOY, REVERT)
    assert (gone.way, gone.rest, world.tried) == (TRAFFIC, (), ["flag", "proxy"])
    assert world.failed == []


async def test_a_splitter_that_fails_does_not_keep_the_others_from_going_back() -> None:
    world = World(lambda target, before: target != "flag" or before > 2)
    gone = await world.go(TRAFFIC)
    assert gone.way is TRAFFIC
    assert world.tried == ["flag", "proxy", "flag", "flag", "flag"]


async def test_the_next_way_begins_beside_one_that_fails_and_may_win() -> None:
    world = World(lambda target, before: target == "script")
    gone = await world.go(TRAFFIC, REDEPLOY, REVERT)
    assert gone.way is REDEPLOY
    assert "revert" not in world.tried
    assert ("traffic", "flag", "flag is broken") in world.failed


async def test_the_first_way_still_wins_when_it_works_again_while_a_deploy_is_running() -> None:
    world = World(lambda target, before: before > 0)
    world.slow["script"] = asyncio.Event()
    gone = await world.go(TRAFFIC, REDEPLOY, REVERT)
    assert gone.way is TRAFFIC
    assert len(gone.rest) == 1
    world.slow["script"].set()
    await asyncio.gather(*gone.rest)
    assert world.tried.count("script") == 1  # the call that ran has ended, and no further step was taken
    assert "revert" not in world.tried


async def test_a_deploy_that_fails_stops_its_way_as_what_follows_builds_on_it() -> None:
    world = World(lambda target, before: target != "revert" or before == 1)
    gone = await world.go(REVERT)
    assert gone.way is REVERT
    assert world.tried == ["revert", "revert", "script"]


async def test_a_way_that_is_barred_is_not_taken_and_the_next_one_is() -> None:
    world = World(lambda target, before: True)

    async def barred(way: Way) -> str:
        return "stable is gone" if way.method == "traffic" else ""

    gone = await world.go(TRAFFIC, REDEPLOY, barred=barred)
    assert (gone.way, world.tried) == (REDEPLOY, ["script"])
    assert world.failed[0] == ("traffic", "flag", "stable is gone")


async def test_it_goes_on_until_something_works() -> None:
    world = World(lambda target, before: before >= 20)
    await world.go(TRAFFIC, REDEPLOY)
    assert max(world.tried.count(target) for target in ("proxy", "script")) == 21


async def test_what_is_called_off_leaves_nothing_running() -> None:
    world = World(lambda target, before: False)
    world.slow["script"] = asyncio.Event()
    going = asyncio.create_task(world.go(TRAFFIC, REDEPLOY))
    while "script" not in world.tried:
        await asyncio.sleep(0)
    before = asyncio.all_tasks()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not [task for task in before - {asyncio.current_task()} if not task.done()]


async def test_ways_with_steps_in_common_take_each_once() -> None:
    world = World(lambda target, before: target != "script" or before > 0)
    gone = await world.go(REDEPLOY, REVERT)
    assert gone.way in (REDEPLOY, REVERT)
    assert world.tried.count("script") == 2

    world = World(lambda target, before: True)
    world.slow["script"] = asyncio.Event()
    broken = Way("redeploy", (FLAG, OLD), ordered=False)
    world._works = lambda target, before: target != "flag"
    going = asyncio.create_task(world.go(broken, REVERT))
    while "revert" not in world.tried:
        await asyncio.sleep(0)
    world.slow["script"].set()
    assert (await going).way is REVERT
    assert world.tried.count("script") == 1
