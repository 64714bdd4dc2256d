"""The boards of all rollouts that somebody looks at: followed through the hub while a page is open."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI

from pilotage.coordinator import Coordinator
from pilotage.server.hub import Hub, TooSlow
from pilotage.server.pages.live.board import Board
from pilotage.store import queries

log = structlog.get_logger()

KEPT = 100
"""Boards of rollouts that nobody has open just now."""
QUIET_S = 5.0
TOGETHER_S = 0.2
"""Changes that come within it are looked at together."""


@dataclass
class _Watched:
    board: Board
    viewers: int = 0
    task: asyncio.Task[None] | None = None


@dataclass
class Boards:
    coordinator: Coordinator
    hub: Hub
    _known: dict[str, _Watched] = field(default_factory=dict)
    _epoch: str = field(default_factory=lambda: secrets.token_hex(4))

    async def look(self, rollout: str) -> Board:
        """The board of that rollout (its id) as it stands now."""
        watched = await self._get(rollout)
        await watched.board.look()
        return watched.board

    @asynccontextmanager
    async def open(self, rollout: str) -> AsyncIterator[Board]:
        """As `look`, and kept up to date for as long as somebody has it open."""
        watched = await self._get(rollout)
        watched.viewers += 1
        try:
            if watched.task is None:
                watched.board.over = False
                watched.task = asyncio.create_task(self._follow(watched.board))
            if not watched.board.version:
                await watched.board.look()
            yield watched.board
        finally:
            watched.viewers -= 1
            if not watched.viewers and watched.task is not None:
                watched.task.cancel()
                watched.task = None

    async def _get(self, rollout: str) -> _Watched:
        watched = self._known.pop(rollout, None)
        if watched is None:
            row = await self.coordinator.store.run(queries.get_rollout, rollout)
            watched = self._known.get(rollout) or _Watched(Board(self.coordinator, row, self._epoch))
        self._known[rollout] = watched
        idle = [name for name, one in self._known.items() if not one.viewers and name != rollout]
        for name in idle[: max(0, len(self._known) - KEPT)]:
            del self._known[name]
        return watched

    async def _follow(self, board: Board) -> None:
        """Ends with the rollout's last follow-up, or with the server."""
        dirty = asyncio.Event()
        looking = asyncio.create_task(self._look_when(dirty, board))
        try:
            settled = behind = True
            while behind:
                behind = settled = False
                dirty.set()  # whatever happened before the hub was joined
                try:
                    async with aclosing(self.hub.follow(board.row.id, quiet_s=QUIET_S)) as changes:
                        async for change in changes:
                            settled = change is not None and change.what == "settled"
                            dirty.set()  # a quiet time, too: messages that went out are no change
                except TooSlow:
                    behind = True
            if settled:
                await board.look()
            board.end()
        finally:
            looking.cancel()

    @staticmethod
    async def _look_when(dirty: asyncio.Event, board: Board) -> None:
        while True:
            await dirty.wait()
            dirty.clear()
            try:
                await board.look()
            except Exception as error:
                log.warning("a live page could not be renewed", rollout=board.row.id, error=str(error))
            await asyncio.sleep(TOGETHER_S)


def boards_of(app: FastAPI) -> Boards:
    found = getattr(app.state, "boards", None)
    if found is None:
        found = app.state.boards = Boards(app.state.access.coordinator, app.state.hub)
    assert isinstance(found, Boards)
    return found
