"""What `pilotage doctor` asks: is each part alive, and what does every rollout wait for?"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pilotage.coordinator import Coordinator
from pilotage.store import Store, messages


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
        self.stopping = asyncio.Event()

    def stop(self) -> None:
        self.stopping.set()

    async def report(self) -> dict[str, Any]:
        waits = []
        for row in await self._coordinator.summaries():
            if row["status"] not in ("promoted", "rolled back", "failed"):
                view = await self._coordinator.view(row["id"])
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
            "plans": await self._coordinator.desk.plans(),
            "undelivered": [
                {"rollout": row.rollout, "channel": row.channel, "attempts": row.attempts, "error": row.last_error}
                for row in backlog
            ],
        }
