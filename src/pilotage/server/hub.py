"""One reader of the store for all who follow rollouts live: streams of the API, and the pages.

    async for change in app.state.hub.follow(rollout):   # or follow() for every rollout's events
        if change is None:      # nothing has happened for `quiet_s` seconds
            ...

The store is asked once a tick, however many follow, and not at all while nobody does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

import structlog

from pilotage.core.errors import PilotageError
from pilotage.core.events import Recorded
from pilotage.store import Store, audit, changes
from pilotage.store.changes import Told

log = structlog.get_logger()

EVERY_S = 0.5
QUIET_S = 15.0
MOST_WAITING = 1000
"""Changes that wait for one reader, before it is too slow."""


class TooSlow(PilotageError):
    """A reader did not take its changes in time. Whoever follows begins again from the last number it has seen."""


@dataclass(frozen=True)
class Change:
    """What is new with a rollout.

    ``event``: `recorded` is there; ``sample``: another one, `place` is its phase and tick; ``settled``: it has ended
    and no follow-up is open, so that nothing will come any more. `entry` is the event's number in the audit log: the
    order of all rollouts' events; 0 for one that was read back from the past of a single rollout.
    """

    rollout: str
    what: Literal["event", "sample", "settled"]
    service: str = ""
    environment: str = ""
    recorded: Recorded | None = None
    entry: int = 0
    place: tuple[int, int] | None = None


@dataclass(eq=False)
class _Follower:
    rollout: str
    queue: asyncio.Queue[Change]
    dropped: bool = False
    closed: bool = False
    place: tuple[int, int] | None = None
    settled: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def give(self, change: Change) -> None:
        """Nothing more once something was lost: what it reads has no gap before the end."""
        if self.dropped:
            return
        try:
            self.queue.put_nowait(change)
        except asyncio.QueueFull:
            self.dropped = True
        self.woken.set()

    def close(self) -> None:
        self.closed = True
        self.woken.set()


class Hub:
    def __init__(self, store: Store, every_s: float = EVERY_S, most_waiting: int = MOST_WAITING) -> None:
        self._store = store
        self._every_s = every_s
        self._most_waiting = most_waiting
        self._followers: set[_Follower] = set()
        self._reader: asyncio.Task[None] | None = None
        self._last = 0
        self._looking = asyncio.Lock()
        self._closed = False

    @property
    def followers(self) -> int:
        return len(self._followers)

    def close(self) -> None:
        """Everybody's following ends: the server stops."""
        self._closed = True
        for one in self._followers:
            one.close()
        if self._reader is not None:
            self._reader.cancel()

    async def follow(
        self, rollout: str = "", after: int | None = None, quiet_s: float = QUIET_S
    ) -> AsyncGenerator[Change | None]:
        """Changes as they come, each once and in order; None when nothing has come for `quiet_s` seconds.

        Of one rollout (its id) events, samples, and that it is settled, which is the last; else events of all.
        `after`: first those after that number, of the rollout's own events, or of the audit log's entries.
        Without it what comes from now on. Close the iterator when you leave early (``contextlib.aclosing``).
        Raises TooSlow when its changes were not taken in time.
        """
        follower = _Follower(rollout, asyncio.Queue(self._most_waiting))
        await self._join(follower)
        try:
            last = await self._begin(rollout, after)
            for change in await self._past(rollout, after):
                last = _order(rollout, change)
                yield change
            while not (self._closed or follower.closed):
                change_or_none = await self._next(follower, quiet_s)
                if change_or_none is not None and change_or_none.what == "event":
                    if _order(rollout, change_or_none) <= last:
                        continue  # told already, from the past
                    last = _order(rollout, change_or_none)
                yield change_or_none
                if change_or_none is not None and change_or_none.what == "settled":
                    return
        finally:
            self._leave(follower)

    async def look(self) -> bool:
        """Reads once what is new, and gives it to everybody; whether there is more."""
        async with self._looking:
            followed = {one.rollout for one in self._followers if one.rollout}
            new = await self._store.run(changes.since, self._last, followed)
            self._last = new.last
            for told in new.told:
                self._give(_event(told))
            for one in list(self._followers):
                place = new.places.get(one.rollout)
                if place is not None and place != one.place:
                    one.place = place
                    one.give(Change(one.rollout, "sample", place=place))
                if one.rollout in new.settled and not one.settled and not new.more:
                    one.settled = True
                    one.give(Change(one.rollout, "settled"))
            return new.more

    def _give(self, change: Change) -> None:
        for one in self._followers:
            if one.rollout in ("", change.rollout):
                one.give(change)

    async def _join(self, follower: _Follower) -> None:
        async with self._looking:
            if not self._followers:
                self._last = (await self._store.run(audit.head))[0]
            self._followers.add(follower)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read())

    def _leave(self, follower: _Follower) -> None:
        self._followers.discard(follower)
        if not self._followers and self._reader is not None:
            self._reader.cancel()
            self._reader = None

    async def _read(self) -> None:
        while True:
            more = False
            try:
                more = await self.look()
            except Exception as error:
                log.warning("what is new could not be read; it is tried again", error=str(error))
            if not more:
                await asyncio.sleep(self._every_s)

    async def _begin(self, rollout: str, after: int | None) -> int:
        """The last number that was told already; a number that was never given counts as the newest."""
        if after is None:
            return -1
        return min(after, await self._store.run(changes.newest, rollout))

    async def _past(self, rollout: str, after: int | None) -> list[Change]:
        if after is None:
            return []
        if rollout:
            return [_event(one) for one in await self._store.run(changes.after, rollout, after)]
        found: list[Change] = []
        last, more = after, True
        while more and len(found) < self._most_waiting:
            new = await self._store.run(changes.since, last, ())
            found += [_event(one) for one in new.told]
            last, more = new.last, new.more
        if more:
            raise TooSlow(
                f"more than {self._most_waiting} events came meanwhile: read the list, and follow from now on"
            )
        return found

    async def _next(self, follower: _Follower, quiet_s: float) -> Change | None:
        if follower.queue.empty():
            if follower.dropped:
                raise TooSlow("too slow for what comes: follow again from the last number that was seen")
            follower.woken.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(follower.woken.wait(), quiet_s)
        return None if follower.queue.empty() else follower.queue.get_nowait()


def _order(rollout: str, change: Change) -> int:
    return change.recorded.number if rollout and change.recorded is not None else change.entry


def _event(told: Told) -> Change:
    where = (told.service, told.environment)
    return Change(told.recorded.rollout, "event", *where, told.recorded, told.entry)
