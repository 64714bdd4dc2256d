"""Places in a source that knows times or cursors and no places: how far a stream's bytes reach, kept in a file.

A place that was stored lies between two notes: reading goes on at the earlier one, and what lies between is dropped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pilotage.drivers import Piece

PIECE = 1024 * 1024
MOST_NOTES = 256
MOST_STREAMS = 2000
_KEEP_EVERY_S = 1.0


class Cursors:
    """By stream, (place, cursor) in order: the bytes from `place` on are what the source gives after `cursor`."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._clock = clock
        self._kept_at = float("-inf")
        self._notes: dict[str, list[tuple[int, str]]] = {}
        with suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads(file.read_text())
            self._notes = {str(stream): [(int(at), str(one)) for at, one in rows] for stream, rows in found.items()}

    def note(self, stream: str, place: int, cursor: str) -> None:
        notes = self._notes.setdefault(stream, [])
        if notes and notes[-1][0] == place:
            notes.pop()
        notes.append((place, cursor))
        if len(notes) > MOST_NOTES:
            del notes[1 : MOST_NOTES // 2 : 2]  # the older, the further apart: more is read again, nothing is lost
        while len(self._notes) > MOST_STREAMS:
            del self._notes[next(iter(self._notes))]

    def before(self, stream: str, place: int) -> tuple[int, str] | None:
        """The last note at or before `place`."""
        return next((one for one in reversed(self._notes.get(stream, [])) if one[0] <= place), None)

    def forget(self, stream: str) -> None:
        self._notes.pop(stream, None)

    def keep(self, at_once: bool = False) -> None:
        """Writes the file, at most once a second: notes that are lost mean that more is read again."""
        now = self._clock()
        if not at_once and 0 <= now - self._kept_at < _KEEP_EVERY_S:
            return
        self._kept_at = now
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(self._notes))
            new.replace(self._file)


class Handing:
    """One stream's lines as pieces. `skip` bytes were handed out before a restart and come again."""

    def __init__(self, cursors: Cursors, stream: str, name: str, place: int = 0, skip: int = 0) -> None:
        self.stream, self.name = stream, name
        self._cursors = cursors
        self._place = place
        self._skip = skip

    @property
    def place(self) -> int:
        return self._place + self._skip

    @property
    def owed(self) -> int:
        """So many bytes are still to be left out."""
        return self._skip

    def begin(self, cursor: str) -> Piece:
        """Of a stream that is new: nothing in it yet, and this is where it begins."""
        self._cursors.note(self.stream, 0, cursor)
        return Piece(self.stream, self.name, 0, b"")

    def take(self, lines: Iterable[bytes], cursor: str) -> list[Piece]:
        """`lines` with their ends, in order; `cursor` stands behind the last."""
        data = b"".join(lines)
        dropped = min(self._skip, len(data))
        start, self._skip = self._place + dropped, self._skip - dropped
        self._place += len(data)
        self._cursors.note(self.stream, self._place, cursor)
        fresh = data[dropped:]
        return [Piece(self.stream, self.name, start + at, fresh[at : at + PIECE]) for at in range(0, len(fresh), PIECE)]
