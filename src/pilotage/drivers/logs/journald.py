"""systemd's journal on this machine, by journalctl: the messages of units, after a cursor."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Piece
from pilotage.drivers.logs.cursors import Cursors, Handing
from pilotage.drivers.logs.newest import Newest, read_whole
from pilotage.drivers.logs.running import Running
from pilotage.drivers.process import check_command

BUDGET = 8 * 1024 * 1024
_PIECE = 1024 * 1024
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0
_LOOK_S = 10.0
_UNIT = r"^[\w:.@\\][\w:.@\\-]*$"
_MATCH = r"^_?[A-Z][A-Z0-9_]*=.+$"


class JournaldLogs:
    class Options(DriverOptions):
        units: list[str] = Field(
            default_factory=list, description="units by their whole names, such as payment.service"
        )
        match: list[str] = Field(
            default_factory=list, description="fields, FIELD=value, such as SYSLOG_IDENTIFIER=payment; all must hold"
        )
        directory: str | None = Field(
            default=None, description="read the journal files there instead of this machine's"
        )
        journalctl: str = Field(default="journalctl", description="the program, where it is not in the path")
        past_timeout_s: float = Field(default=60.0, gt=0, description="reading the past ends after that many seconds")

        @model_validator(mode="after")
        def _says_whose(self) -> Self:
            if not self.units and not self.match:
                raise ValueError("units or match: the whole journal is not one service's log")
            if wrong := [one for one in self.units if not re.match(_UNIT, one, re.ASCII)]:
                raise ValueError(f"units by their names, such as payment.service; not {wrong[0]!r}")
            if wrong := [one for one in self.match if not re.match(_MATCH, one, re.ASCII)]:
                raise ValueError(f"matches as FIELD=value, the field in capitals; not {wrong[0]!r}")
            return self

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._options = options
        self._cwd = context.directory
        self._clock = clock
        self._what = [f"--unit={one}" for one in options.units] + list(options.match)
        where = [f"--directory={options.directory}"] if options.directory else []
        self._argv = [options.journalctl, *where, "--no-pager", "--quiet", "--output=json", "--all"]
        self._argv.append("--output-fields=MESSAGE")
        self._name = f"journal of {', '.join([*options.units, *options.match])}"
        print_ = hashlib.sha256(json.dumps([*where, *self._what]).encode()).hexdigest()[:16]
        self._stream = f"journal#{print_}"
        self._cursors = Cursors(context.state / "logs" / f"{print_}.cursors", clock)
        self._lock = threading.Lock()
        self._runs: list[Running] = []
        self._end = weakref.finalize(self, _kill, self._runs)
        self._handing: Handing | None = None
        self._cursor = ""
        self._run: Running | None = None
        self._rest = b""
        self._ready: list[Piece] = []
        self._troubles: list[str] = []
        self._said = ""
        self._start_at = float("-inf")
        self._pause_s = _FIRST_PAUSE_S
        self._closed = False

    async def read(self) -> list[Piece]:
        """A call that is cancelled loses nothing: what it found is handed out by the next."""
        await asyncio.to_thread(self._fill)
        pieces, self._ready = self._ready, []
        return pieces

    def continue_at(self, places: Mapping[str, int]) -> None:
        if self._stream not in places:
            return
        place = places[self._stream]
        if (found := self._cursors.before(self._stream, place)) is not None:
            at, self._cursor = found
            self._handing = Handing(self._cursors, self._stream, self._name, at, place - at)

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """What the journal has, up to where `read` begins; of more than `limit` bytes the newest."""
        argv = [*self._argv, f"--since=@{self._clock() - seconds:.0f}"]
        end = await asyncio.to_thread(self._begin)
        run = Running([*argv, *self._what], self._cwd, os.environ)
        self._runs.append(run)
        try:
            newest = await asyncio.to_thread(self._collect, run, limit, end)
        finally:
            run.signal_stop()
            await asyncio.shield(asyncio.to_thread(self._forget, run))
        for piece in newest.pieces(f"{self._stream}-past", self._name):
            yield piece

    def troubles(self) -> list[str]:
        new, self._troubles = self._troubles, []
        return new

    async def probe(self) -> str:
        if self._run is None and self._said:
            raise TemporaryError(self._said)
        last = await asyncio.to_thread(self._last)
        seen = "has messages" if last else "has no message yet; are the names right?"
        return f"the {self._name} {seen}"

    async def close(self) -> None:
        self._closed = True
        for run in list(self._runs):
            run.signal_stop()
        await asyncio.shield(asyncio.to_thread(self._close))

    # ------------------------------------------------------------- in threads

    def _begin(self) -> str:
        """The cursor at which following begins, found once: what is there at the very first look is the past."""
        with self._lock:
            if self._handing is None and not self._closed:
                self._cursor = self._last()
                self._handing = Handing(self._cursors, self._stream, self._name)
                self._ready.append(self._handing.begin(self._cursor))
                self._cursors.keep(at_once=True)
            return self._cursor

    def _last(self) -> str:
        """The newest entry's cursor; empty when there is none. Raises PermanentError when it cannot be read."""
        argv = [*self._argv, "--lines=1", *self._what]
        check_command(argv, self._cwd, os.environ)
        run = Running(argv, self._cwd, os.environ)
        if not run.ended.wait(_LOOK_S):
            run.stop()
            raise TemporaryError(f"{self._options.journalctl} did not end within {_LOOK_S:g} s")
        data = run.take(_PIECE)
        if run.returncode:
            raise PermanentError(self._failed(run))
        _, cursor, _ = _messages(data)
        return cursor

    def _fill(self) -> None:
        self._begin()
        with self._lock:
            if self._closed or self._handing is None:
                return
            now = self._clock()
            if self._run is None and now >= self._start_at:
                self._follow()
            if self._run is None or sum(len(piece.data) for piece in self._ready) >= BUDGET:
                return
            over, budget = self._run.ended.is_set(), BUDGET
            while budget > 0 and (data := self._run.take(min(_PIECE, budget))):
                lines, cursor, self._rest = _messages(self._rest + data)
                if lines:
                    self._cursor = cursor
                    self._ready += self._handing.take(lines, cursor)
                    self._said, self._pause_s = "", _FIRST_PAUSE_S
                budget -= len(data)
            self._cursors.keep()
            if over and budget > 0:
                self._note_end(self._run, now)

    def _follow(self) -> None:
        after = [f"--after-cursor={self._cursor}"] if self._cursor else []
        argv = [*self._argv, "--follow", "--no-tail", *after, *self._what]
        self._rest = b""
        self._run = Running(argv, self._cwd, os.environ)
        self._runs.append(self._run)

    def _note_end(self, run: Running, now: float) -> None:
        self._run = None
        self._runs.remove(run)
        self._start_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        trouble = self._failed(run)
        if trouble != self._said:
            self._troubles.append(f"{trouble}. It is started again where it was")
            self._said = trouble

    def _failed(self, run: Running) -> str:
        words = run.last_words() or "it said nothing"
        hint = ""
        if "ermission" in words or "No journal files" in words:
            hint = "; its user needs to be in the group systemd-journal (usermod -aG systemd-journal USER)"
        return f"{self._options.journalctl} ended with exit code {run.returncode}: {words}{hint}"

    def _collect(self, run: Running, limit: int, end: str) -> Newest:
        """Up to the cursor `end`."""
        newest, seconds, rest = Newest(limit), self._options.past_timeout_s, b""

        def add(data: bytes) -> bool:
            nonlocal rest
            lines, cursor, rest = _messages(rest + data, until=end)
            newest.add(b"".join(lines))
            return bool(end) and cursor == end

        if not read_whole(run, seconds, lambda: self._closed, add):
            self._troubles.append(f"{self._options.journalctl} (past) did not end within {seconds:g} s")
        return newest

    def _forget(self, run: Running) -> None:
        run.stop()
        if run in self._runs:
            self._runs.remove(run)

    def _close(self) -> None:
        with self._lock:
            for run in list(self._runs):
                self._forget(run)
            self._run = None
            self._cursors.keep(at_once=True)


def _messages(data: bytes, until: str = "") -> tuple[list[bytes], str, bytes]:
    """The messages of journalctl's JSON, one entry a line, each with its end; the last one's cursor; what is left over.

    https://www.freedesktop.org/software/systemd/man/latest/journalctl.html: a value that is no UTF-8 is an array of
    bytes; one that is too large without --all is null.
    """
    *whole, rest = data.split(b"\n")
    lines, cursor = [], ""
    for row in whole:
        try:
            entry: Any = json.loads(row)
        except ValueError:
            continue
        if not isinstance(entry, dict) or "__CURSOR" not in entry:
            continue
        cursor = str(entry["__CURSOR"])
        lines.append(_bytes(entry.get("MESSAGE")).rstrip(b"\n") + b"\n")
        if cursor == until:
            break
    return lines, cursor, rest


def _bytes(message: Any) -> bytes:
    if isinstance(message, list):
        try:
            return bytes(message)
        except (ValueError, TypeError):
            return b"\n".join(_bytes(one) for one in message)
    return message.encode() if isinstance(message, str) else b""


def _kill(runs: list[Running]) -> None:
    for run in runs:
        run.signal_stop(9)
