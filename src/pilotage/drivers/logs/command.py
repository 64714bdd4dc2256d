"""Logs that a command prints: kubectl logs -f, journalctl -f, docker logs -f, ssh host tail -F."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Piece
from pilotage.drivers.arguments import fill, only
from pilotage.drivers.logs.newest import Newest, read_whole
from pilotage.drivers.logs.running import Running
from pilotage.drivers.process import check_command

PIECE = 1024 * 1024
BUDGET = 8 * PIECE
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class CommandLogs:
    class Options(DriverOptions):
        command: Annotated[list[str], only("since")] = Field(
            description="prints for ever, from {since} on: the last byte read (RFC 3339, UTC), at first now"
        )
        past: Annotated[list[str], only("since")] | None = Field(
            default=None, description="prints what was before, from {since} on, and ends; without it no past is read"
        )
        past_timeout_s: float = Field(default=60.0, gt=0, description="`past` is ended after that many seconds")

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._options = options
        self._cwd = context.directory
        self._clock = clock
        self._name = shlex.join(options.command)
        self._base = f"{self._name}#{hashlib.sha256(self._name.encode()).hexdigest()[:16]}"
        self._note = context.state / "logs" / f"{self._base[-16:]}.since"
        self._lock = threading.Lock()
        self._runs: list[Running] = []
        self._end = weakref.finalize(self, _kill, self._runs)
        self._ready: list[Piece] = []
        self._troubles: list[str] = []
        self._said = ""
        self._run: Running | None = None
        self._stream = ""
        self._offset = 0
        self._started_at = 0.0
        self._since: float | None = None
        self._noted_at = float("-inf")
        self._pause_s = _FIRST_PAUSE_S
        self._start_at = float("-inf")
        self._ended_at = float("-inf")
        self._number = 0
        self._closed = False

    async def read(self) -> list[Piece]:
        """A call that is cancelled loses nothing: what it found is handed out by the next."""
        await asyncio.to_thread(self._fill)
        pieces, self._ready = self._ready, []
        return pieces

    def continue_at(self, places: Mapping[str, int]) -> None:
        """A run does not outlive its Pilotage: what is stored has ended, and {since} goes on from its last byte."""
        ours = [stream for stream in places if stream.startswith(f"{self._base}-")]
        self._ready += [Piece(stream, self._name, places[stream], b"", ended=True) for stream in ours]
        if ours:
            with suppress(OSError, ValueError):
                self._since = float(self._note.read_text())

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """The last `limit` bytes of what the `past` command prints; nothing without one."""
        now = self._clock()
        if self._since is None:
            self._since = now
        if self._options.past is None:
            return
        argv = fill(self._options.past, {"since": _instant(now - seconds)})
        try:
            check_command(argv, self._cwd, os.environ)
        except PermanentError as error:
            self._troubles.append(str(error))
            return
        run = Running(argv, self._cwd, os.environ)
        self._runs.append(run)
        try:
            newest = await asyncio.to_thread(self._collect, run, argv, limit)
        finally:
            run.signal_stop()
            await asyncio.shield(asyncio.to_thread(self._forget, run))
        for piece in newest.pieces(f"{self._base}-past-{_instant(now)}", shlex.join(argv)):
            yield piece

    def troubles(self) -> list[str]:
        new, self._troubles = self._troubles, []
        return new

    async def probe(self) -> str:
        """Raises PermanentError when a command cannot be run, TemporaryError while it has ended and is not yet back."""
        if self._run is None and self._said:
            raise TemporaryError(self._said)
        for argv in (self._options.command, self._options.past):
            if argv is not None:
                await asyncio.to_thread(check_command, argv, self._cwd, os.environ)
        return f"{self._options.command[0]} can be run in {self._cwd}"

    async def close(self) -> None:
        """Ends the command's process group. Cancelled, it still does, only nobody waits for it."""
        self._closed = True
        for run in list(self._runs):
            run.signal_stop()
        await asyncio.shield(asyncio.to_thread(self._close))

    def _fill(self) -> None:
        with self._lock:
            if self._closed:
                return
            now = self._clock()
            if self._run is None and (now >= self._start_at or now < self._ended_at):
                self._start(now)
            if self._run is None or sum(len(piece.data) for piece in self._ready) >= BUDGET:
                return
            over = self._run.ended.is_set()
            budget = BUDGET
            while budget > 0 and (data := self._run.take(min(PIECE, budget))):
                self._ready.append(Piece(self._stream, self._name, self._offset, data))
                self._offset += len(data)
                budget -= len(data)
                self._since, self._said = now, ""
            if budget < BUDGET:
                self._keep_since(now)
            if over and budget > 0:
                self._note_end(self._run, now)

    def _start(self, now: float) -> None:
        if self._since is None:
            self._since = now
        argv = fill(self._options.command, {"since": _instant(self._since)})
        try:
            check_command(argv, self._cwd, os.environ)
        except PermanentError as error:
            self._back_off(now, str(error))
            return
        self._run = Running(argv, self._cwd, os.environ)
        self._runs.append(self._run)
        self._number += 1
        self._stream, self._offset, self._started_at = f"{self._base}-{_instant(now)}-{self._number}", 0, now
        self._ready.append(Piece(self._stream, self._name, 0, b""))
        self._keep_since(now)

    def _note_end(self, run: Running, now: float) -> None:
        self._run = None
        self._runs.remove(run)
        self._ready.append(Piece(self._stream, self._name, self._offset, b"", ended=True))
        if now - self._started_at >= _LONGEST_PAUSE_S:
            self._pause_s = _FIRST_PAUSE_S
        words = run.last_words()
        self._back_off(now, f"{_how(run, self._options.command)}{f': {words}' if words else ''}")

    def _back_off(self, now: float, trouble: str) -> None:
        self._ended_at, self._start_at = now, now + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        if trouble != self._said:
            self._troubles.append(f"{trouble}. It is started again")
            self._said = trouble

    def _keep_since(self, now: float) -> None:
        """At most once a second: where {since} goes on after a restart."""
        if 0 <= now - self._noted_at < 1.0 and not self._closed:
            return
        self._noted_at = now
        with suppress(OSError):
            self._note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = self._note.with_suffix(".new")
            new.write_text(repr(self._since))
            new.replace(self._note)

    def _collect(self, run: Running, argv: Sequence[str], limit: int) -> Newest:
        newest, seconds = Newest(limit), self._options.past_timeout_s

        def add(data: bytes) -> bool:
            newest.add(data)
            return False

        if not read_whole(run, seconds, lambda: self._closed, add):
            self._troubles.append(f"{argv[0]} (past) did not end within {seconds:g} s")
        if run.returncode:
            self._troubles.append(f"{_how(run, argv)} (past): {run.last_words() or 'it said nothing'}")
        return newest

    def _forget(self, run: Running) -> None:
        run.stop()
        with suppress(ValueError):
            self._runs.remove(run)

    def _close(self) -> None:
        with self._lock:
            for run in list(self._runs):
                self._forget(run)
            if self._run is not None:
                self._run = None
                self._keep_since(self._clock())


def _how(run: Running, argv: Sequence[str]) -> str:
    code = run.returncode
    return f"{argv[0]} ended " + (f"with exit code {code}" if code is None or code >= 0 else f"by signal {-code}")


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kill(runs: list[Running]) -> None:
    for run in runs:
        run.signal_stop(9)
