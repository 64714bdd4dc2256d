"""One reader of the store for all who follow; the test says when it looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from pilotage.core import events as ev
from pilotage.core.model import Action, Reading, Sample, Verdict
from pilotage.server.hub import Change, Hub, TooSlow
from pilotage.store import Store, open_store, queries
from tests.server.records import add_rollout, tell

NEVER_S = 3600.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = open_store(tmp_path)
    yield store
    store.close()


async def take(following: AsyncIterator[Change | None], count: int) -> list[Change]:
    found = []
    for _ in range(count):
        change = await asyncio.wait_for(anext(following), 10)
        assert change is not None
        found.append(change)
    return found


async def begin(hub: Hub, following: AsyncIterator[Change | None]) -> asyncio.Task[Change | None]:
    """It is there, and waits."""
    before = hub.followers
    waiting: asyncio.Task[Change | None] = asyncio.ensure_future(anext(following))  # type: ignore[arg-type]
    while hub.followers == before:
        await asyncio.sleep(0)
    return waiting


async def test_the_past_comes_first_and_nothing_comes_twice(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, every_s=0.01)
    async with aclosing(hub.follow("one", after=0)) as following:
        assert [one.recorded.number for one in await take(following, 2) if one.recorded] == [1, 2]
        await tell(store, "one", 3, ev.Paused(0, "a look"))
        (change,) = await take(following, 1)
    assert change.recorded is not None
    assert (change.what, change.recorded.number, change.service, change.environment) == ("event", 3, "one", "test")
    assert hub.followers == 0


async def test_samples_are_told_to_those_who_follow_that_rollout(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, NEVER_S)
    async with aclosing(hub.follow("one")) as following:
        waiting = await begin(hub, following)
        await store.run(queries.add_sample, "one", Sample(0, 7, 1.0, Reading()), Verdict(Action.WATCH, "well", (), 0.5))
        await hub.look()
        change = await waiting
    assert change is not None
    assert (change.what, change.place) == ("sample", (0, 7))


async def test_it_ends_when_the_rollout_has_ended_and_nothing_is_open(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, every_s=0.01)
    await tell(store, "one", 3, ev.Promoted("done"))
    await store.run(queries.settle_rollout, "one")
    told = [one.what if one else "" async for one in hub.follow("one", after=-1)]
    assert told == ["event"] * 4 + ["settled"]


async def test_all_rollouts_can_be_followed_in_the_order_of_the_audit_log(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, every_s=0.01)
    async with aclosing(hub.follow(after=1)) as following:
        first = await take(following, 2)
        await add_rollout(store, tmp_path, "two", "other")
        rest = await take(following, 3)
    assert [one.rollout for one in first + rest] == ["one", "one", "two", "two", "two"]
    entries = [one.entry for one in first + rest]
    assert entries == sorted(set(entries))


async def test_a_quiet_time_is_said(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    async with aclosing(Hub(store, NEVER_S).follow("one", quiet_s=0.01)) as following:
        assert await anext(following) is None


async def test_two_hundred_followers_cost_one_look_at_the_store(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, NEVER_S)
    followings = [hub.follow("one") for _ in range(200)]
    waiting = [await begin(hub, one) for one in followings]
    await tell(store, "one", 3, ev.Paused(0, "a look"))
    asked = 0
    run = store.run

    async def counted(*args, **kwargs):  # type: ignore[no-untyped-def]
        nonlocal asked
        asked += 1
        return await run(*args, **kwargs)

    store.run = counted  # type: ignore[method-assign]
    await hub.look()
    changes = await asyncio.gather(*waiting)
    assert {one.recorded.number for one in changes if one and one.recorded} == {3}
    assert asked == 1
    for following in followings:
        await following.aclose()  # type: ignore[attr-defined]
    assert hub.followers == 0


async def test_a_reader_that_does_not_read_is_dropped_and_told_so(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, NEVER_S, most_waiting=2)
    async with aclosing(hub.follow("one")) as following:
        waiting = await begin(hub, following)
        for number in (3, 4, 5, 6):
            await tell(store, "one", number, ev.Announced(f"{number}", ""))
        await hub.look()
        await tell(store, "one", 7, ev.Announced("after the gap", ""))
        seen = [await waiting]

        async def read_on() -> None:
            async for change in following:
                seen.append(change)
                await hub.look()

        with pytest.raises(TooSlow, match="too slow"):
            await asyncio.wait_for(read_on(), 10)
    numbers = [one.recorded.number for one in seen if one and one.recorded]
    assert numbers == list(range(3, 3 + len(numbers)))
    assert 2 <= len(numbers) < 5


async def test_closing_ends_every_following(store: Store, tmp_path: Path) -> None:
    await add_rollout(store, tmp_path, "one")
    hub = Hub(store, NEVER_S)
    following = hub.follow("one")
    waiting = await begin(hub, following)
    hub.close()
    assert await asyncio.wait_for(waiting, 10) is None
    with pytest.raises(StopAsyncIteration):
        await anext(following)
