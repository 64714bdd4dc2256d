"""Messages: each channel of a rollout follows the record by a cursor of its own and sends, in order, until all is told.

Channels and rollouts go side by side: one that hangs delays no other. Nothing is lost when a service, or this process,
is down; what is told twice, and only then, is what a service took without saying so and cannot look up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from pilotage.comms.lane import Lane, Post
from pilotage.core.model import Channel, Plan
from pilotage.core.quiet import TOO_OLD_S
from pilotage.following import AtWork, look_again
from pilotage.store import Store, known, messages, queries

__all__ = ["EVERY_S", "SEND_WITHIN_S", "Comms"]

log = structlog.get_logger()

EVERY_S = 0.5
SEND_WITHIN_S = 20.0


class Comms:
    """`now` and `sleep` are the clock; `within_s` is how long a service may take for one message. `elsewhere`: who
    reads that channel of a plan is told in another way already."""

    def __init__(
        self,
        store: Store,
        state: Path,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        within_s: float = SEND_WITHIN_S,
        elsewhere: Callable[[Plan, Channel], bool] = lambda _plan, _channel: False,
    ) -> None:
        self._post = Post(store, state, now, within_s)
        self._sleep = sleep
        self._elsewhere = elsewhere
        self._lanes: dict[str, list[Lane]] = {}
        self._waiting: set[str] | None = None
        """What ended before a restart and was not told to the end; None before the first look."""
        self._at_work = AtWork()

    async def follow(self) -> None:
        """Until cancelled. Rollouts, and plans that wait, are followed until their last message is out."""
        try:
            await look_again("the record", self.look, EVERY_S, self._sleep)
        finally:
            await self._at_work.end()

    async def look(self) -> None:
        """Sets every channel to work that has something to tell and is not at it."""
        store = self._post.store
        active = await store.run(queries.active_rollouts) | await store.run(known.open_names)
        if self._waiting is None:
            self._waiting = {row.rollout for row in await store.run(messages.backlog)}
            self._waiting |= await store.run(messages.untold, self._post.now() - TOO_OLD_S)
        for rollout in (active | self._waiting) - self._lanes.keys():
            self._lanes[rollout] = await self._opened(rollout)
        self._waiting -= self._lanes.keys()
        heads = await store.run(messages.heads, self._lanes.keys())
        for rollout, lanes in list(self._lanes.items()):
            head = heads.get(rollout, -1)
            for lane in lanes:
                if lane.due(head):
                    self._at_work.begin(lane.work())
            if rollout not in active and all(lane.told(head) for lane in lanes):
                del self._lanes[rollout]

    async def at_rest(self) -> None:
        """When every channel that was set to work has told all, failed, or waits."""
        await self._at_work.rest()

    async def _opened(self, rollout: str) -> list[Lane]:
        try:
            plan = await self._post.store.run(known.plan_of, rollout)
        except Exception as error:  # of another release, or half removed: the others are followed all the same
            log.error("this plan cannot be read; nothing of it is told", rollout=rollout, error=type(error).__name__)
            return []
        places = await self._post.store.run(messages.open_channels, rollout, len(plan.notify))
        return [
            Lane(self._post, plan, rollout, channel, place)
            for channel, place in enumerate(places)
            if not self._elsewhere(plan, plan.notify[channel])
        ]
