"""Log files, followed through rotation and restarts. Nothing watches them: each `read` looks."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Piece
from pilotage.drivers.logs.opened import open_file
from pilotage.drivers.logs.past import earlier
from pilotage.drivers.logs.poller import BUDGET, Poller
from pilotage.drivers.logs.troubles import Troubles, why


class FileLogs:
    class Options(DriverOptions):
        paths: list[str] = Field(
            min_length=1, description="patterns (`*`, `?`, `[a-z]`, `**`), relative to the plan's folder"
        )
        most: int = Field(
            default=500,
            ge=1,
            le=10_000,
            description="so many files are kept open at once; what is beyond waits, and is said",
        )

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._troubles = Troubles()
        self._poller = Poller(context.directory, options.paths, options.most, clock, self._troubles)
        self._ready: list[Piece] = []
        self._lock = threading.Lock()
        self._closed = False

    async def read(self) -> list[Piece]:
        """A call that is cancelled loses nothing: what it found is handed out by the next."""
        await asyncio.to_thread(self._fill)
        pieces, self._ready = self._ready, []
        return pieces

    def continue_at(self, places: Mapping[str, int]) -> None:
        self._poller.continue_at(places)

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """Rotated files, also packed ones, then each live file up to where `read` starts."""
        await asyncio.to_thread(self._fill)
        pieces = earlier(self._poller.chains(), seconds, limit, self._troubles)
        try:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece
        finally:
            pieces.close()

    def troubles(self) -> list[str]:
        return self._troubles.new()

    async def probe(self) -> str:
        return await asyncio.to_thread(self._probe)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _fill(self) -> None:
        with self._lock:
            left = BUDGET - sum(len(piece.data) for piece in self._ready)
            if left > 0 and not self._closed:
                self._ready += self._poller.poll(left)

    def _probe(self) -> str:
        with self._lock:
            paths = self._poller.paths()
        if not paths:
            raise TemporaryError("no log file is there yet that `paths` name; are the patterns right?")
        problems, size = [], 0
        for path in paths:
            try:
                fd, about = open_file(path)
            except OSError as error:
                problems.append(why(path, error))
            else:
                size += about.st_size
                os.close(fd)
        if problems:
            raise PermanentError("; ".join(problems[:3]))
        return f"{len(paths)} log file(s), {size / 1024:.0f} KiB"

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            self._poller.close()
