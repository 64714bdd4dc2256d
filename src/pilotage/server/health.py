"""What `pilotage doctor` asks: is each part alive, and what does every rollout wait for?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from pilotage import webhooks
from pilotage.chat.follower import NAME
from pilotage.codec import to_data
from pilotage.coordinator import Coordinator
from pilotage.core.redact import redact
from pilotage.server.observed import Streams
from pilotage.server.standing import Standings
from pilotage.store import Store, chats, messages, queries
from pilotage.store.listing import Wanted

WATCHDOGS_S = 60.0
"""One that has not asked for so long is not there."""
MOST_WATCHDOGS = 100
PARTS_FOR_S = 1.0
"""So long an answer about the parts counts: whoever asks more often costs nothing."""
PART_WITHIN_S = 5.0


class Health:
    def __init__(
        self, coordinator: Coordinator, store: Store, state: Path, engine_address: str, engine_pid: Callable[[], int]
    ) -> None:
        self._coordinator = coordinator
        self._store = store
        self._state = state
        self._address = engine_address
        self._engine_pid = engine_pid
        self._started = time.time()
        self._watchdogs: dict[str, float] = {}
        self.stopping = asyncio.Event()
        self.store = store
        self.streams = Streams()
        self.standings = Standings(store)
        self._parts: dict[str, bool] = {}
        self._parts_at = -PARTS_FOR_S
        self._asking = asyncio.Lock()

    def stop(self) -> None:
        self.stopping.set()

    def seen(self, watchdog: str) -> None:
        """It has just asked, and gave this name."""
        now = time.monotonic()
        self._watchdogs = {name: at for name, at in self._watchdogs.items() if now - at < WATCHDOGS_S}
        if watchdog and len(self._watchdogs) < MOST_WATCHDOGS:
            self._watchdogs[redact(watchdog)[:128]] = now

    async def parts(self) -> dict[str, bool]:
        """Which parts do their work now: the store, its schema, the engine, a worker. No more is told to strangers."""
        async with self._asking:
            if time.monotonic() - self._parts_at >= PARTS_FOR_S:
                engine = self._coordinator.engine
                asked = {
                    "store": self._store.run(queries.running_rollouts),
                    "migrations": self._store.is_at_head(),
                    "engine": engine.answers(),
                    "worker": engine.has_worker(),
                }
                self._parts = dict(zip(asked, await asyncio.gather(*map(_holds, asked.values())), strict=True))
                self._parts_at = time.monotonic()
            return dict(self._parts)

    @property
    def followers(self) -> list[str]:
        """Of the audit log, by their cursors' names."""
        settings = self._coordinator.settings
        chat = [NAME] if settings.slack is not None else []
        return [webhooks.cursor_name(one.name) for one in settings.webhooks] + chat

    async def report(self) -> dict[str, Any]:
        waits = []
        active, _ = await self._coordinator.listing.rollouts(wanted=Wanted(active=True))
        for row in active:
            view = await self._coordinator.telling.view(row["id"])
            why = view["reason"] or (view["verdict"] or {}).get("reason") or "nothing: it goes on by itself"
            waits.append({"id": row["id"], "status": row["status"], "waits_for": why})
        backlog = await self._store.run(messages.backlog)
        return {
            "pid": os.getpid(),
            "up_s": round(time.time() - self._started, 1),
            "state": str(self._state),
            "engine": self._address,
            "engine_pid": self._engine_pid(),
            "rollouts": waits,
            "watchdogs": [
                {"name": name, "asked_s_ago": round(time.monotonic() - at, 1)}
                for name, at in self._watchdogs.items()
                if time.monotonic() - at < WATCHDOGS_S
            ],
            "plans": await self._coordinator.desk.plans(),
            "undelivered": [
                {"rollout": row.rollout, "channel": row.channel, "attempts": row.attempts, "error": row.last_error}
                for row in backlog
            ],
            "hooks": [
                {"name": name, "kind": one.kind, "problem": one.secret.missing() or ""}
                for name, one in self._coordinator.settings.hooks.items()
            ],
            "webhooks": await webhooks.backlog(self._store, self._coordinator.settings, self._coordinator.clock.now()),
            "chat": to_data(await self._store.run(chats.behind, NAME)),
        }


async def _holds(asked: Awaitable[object]) -> bool:
    """Whatever goes wrong: that part is not well."""
    try:
        async with asyncio.timeout(PART_WITHIN_S):
            return await asked is not False
    except Exception:
        return False
