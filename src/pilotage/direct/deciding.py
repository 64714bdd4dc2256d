"""Reasons for a watchdog to leave a rollout alone: a clause each, empty when there is none."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from pilotage.core.model import Plan
from pilotage.direct.back import READ_WITHIN_S, in_force
from pilotage.direct.hands import DirectHands


async def nothing_to_take_back(plan: Plan, state: Path) -> str:
    """Every splitter says 0 %. One that cannot be read may send anything."""
    hands = DirectHands(plan, state)
    try:
        found = await asyncio.gather(*(in_force(hands, name) for name in hands.splitters))
    finally:
        await hands.close()
    return "every splitter sends 0 % already" if found and all(one == "0 %" for one in found) else ""


def has_ended(state: Path, rollout: str) -> str:
    """What the record says, if it can be read: the snapshot of one that has just ended may still be there."""
    database = state / "pilotage.db"
    if not database.exists():
        return ""
    try:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=READ_WITHIN_S)
        try:
            row = connection.execute("SELECT ended FROM rollouts WHERE id = ?", (rollout,)).fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return ""
    return "its record says that it has ended" if row is not None and row[0] else ""
