"""What `pilotage doctor` asks: is each part alive, and what does every rollout wait for?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pilotage.coordinator import Coordinator
from pilotage.core.redact import redact
from pilotage.store import Store, messages
from pilotage.store.listing import Wanted

WATCHDOGS_S = 60.0
"""One that has not asked for so long is not there."""
MOST_WATCHDOGS = 100


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

    def stop(self) -> None:
        self.stopping.set()

    def seen(self, watchdog: str) -> None:
        """It has just asked, and gave this name."""
        now = time.monotonic()
        self._watchdogs = {name: at for name, at in self._watchdogs.items() if now - at < WATCHDOGS_S}
        if watchdog and len(self._watchdogs) < MOST_WATCHDOGS:
            self._watchdogs[redact(watchdog)[:128]] = now

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
        }
