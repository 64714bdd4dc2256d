"""Journals of driver commands are of no use once their rollout has ended: they are removed a day later."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from pilotage.drivers.process import journal
from pilotage.following import look_again
from pilotage.handover import journals
from pilotage.store import Store, queries

KEEP_S = 24 * 3600.0
EVERY_S = 3600.0


async def keep_clean(store: Store, state: Path) -> None:
    """Until cancelled."""
    await look_again("old journals", lambda: sweep(store, state, time.time() - KEEP_S), EVERY_S, asyncio.sleep)


async def sweep(store: Store, state: Path, before: float) -> None:
    """Removes the journals of rollouts whose last event is older than `before` (Unix seconds), and those of direct
    rollbacks that have been part of the record for so long."""
    keys = await store.run(queries.calls_of_ended, before)
    await asyncio.to_thread(_remove, [journal(state, key) for key in keys])
    await asyncio.to_thread(journals.sweep, state, before)


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
