"""Webhooks: each endpoint follows the audit log by a cursor of its own, and is told every event, in order.

One that is down blocks no other and lets nothing grow: it costs its cursor and an attempt now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pilotage.following import AtWork, look_again
from pilotage.settings import Settings
from pilotage.store import Store, cursors
from pilotage.webhooks.endpoint import Endpoint, Surroundings, cursor_name
from pilotage.webhooks.sending import WITHIN_S, where

__all__ = ["Webhooks", "backlog", "cursor_name"]


EVERY_S = 1.0


class Webhooks:
    """`now` and `sleep` are the clock; `within_s` is how long an endpoint may take for one message."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        within_s: float = WITHIN_S,
    ) -> None:
        self._store = store
        self._now = now
        self._sleep = sleep
        around = Surroundings(store, now, within_s, settings.url)
        self._endpoints = [Endpoint(one, around) for one in settings.webhooks]
        self._at_work = AtWork()

    async def follow(self) -> None:
        """Until cancelled."""
        try:
            if self._endpoints:
                await look_again("webhooks", self.look, EVERY_S, self._sleep)
            await asyncio.Event().wait()
        finally:
            await self._at_work.end()

    async def look(self) -> None:
        """Sets every endpoint to work that has something to be told and is not at it: one question for all of them."""
        names = [one.cursor for one in self._endpoints]
        last, found = await self._store.run(cursors.look, names, self._now())
        for one in self._endpoints:
            cursor = found[one.cursor]
            if one.due(last, cursor):
                self._at_work.begin(one.work(cursor))

    async def at_rest(self) -> None:
        """When every endpoint that was set to work has been told all, or rests after a failure."""
        await self._at_work.rest()


async def backlog(store: Store, settings: Settings, now: float) -> list[dict[str, Any]]:
    """Each webhook: how many events it has not taken, and why. `since` is when it began to fail, in Unix seconds."""
    names = [cursor_name(one.name) for one in settings.webhooks]
    if not names:
        return []
    _, found = await store.run(cursors.look, names, now)
    rows = []
    for one in settings.webhooks:
        cursor = found[cursor_name(one.name)]
        rows.append(
            {
                "name": one.name,
                "host": await where(one),
                "next": cursor.number,
                "waiting": await store.run(cursors.waiting, cursor.number, one.kinds, one.services),
                "attempts": cursor.attempts,
                "since": cursor.at if cursor.attempts else None,
                "error": cursor.last_error,
            }
        )
    return rows
