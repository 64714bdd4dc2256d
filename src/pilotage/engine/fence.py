"""Somebody has gone back without the coordinator: then its rollout takes no further step forward."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from pilotage.core.errors import PilotageError
from pilotage.drivers.process import OVERTAKEN
from pilotage.handover import journals

LOOK_S = 0.25
END_WITHIN_S = 2.0

T = TypeVar("T")


class GoneBackDirectly(PilotageError):
    pass


async def gone_back(state: Path, rollout: str) -> str:
    """A sentence, or empty. Asked at every beat of every watch: almost always it is one look at a missing folder."""
    if not journals.folder(state, rollout).exists():
        return ""
    return await asyncio.to_thread(journals.went_back, state, rollout)


async def check(state: Path, rollout: str) -> None:
    """Raises GoneBackDirectly."""
    if reason := await gone_back(state, rollout):
        raise GoneBackDirectly(reason)


async def unless_gone_back(state: Path, rollout: str, doing: Coroutine[None, None, T]) -> T:
    """What `doing` returns. When somebody goes back meanwhile it is ended and GoneBackDirectly raised, also when it was
    quicker: it may have undone what they did."""
    task = asyncio.ensure_future(doing)
    why: tuple[str, ...] = ()
    try:
        while True:
            over = task.done()
            await check(state, rollout)
            if over:
                return task.result()
            await asyncio.wait([task], timeout=LOOK_S)
    except GoneBackDirectly:
        why = (OVERTAKEN,)
        raise
    except asyncio.CancelledError as cancelled:
        why = cancelled.args
        raise
    finally:
        if not task.done():
            task.cancel(*why)
            await asyncio.wait([task], timeout=END_WITHIN_S)
