"""One generation of a log file: held open, read on, and checked to be still the same text."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from pilotage.drivers.logs.opened import HEAD, PIECE, Damaged, Ident, Plain, Print, Source, begin

TAIL = 64
NAMED_FROM = 64
_RECENT_NS = 1_000_000_000


class CutOff(Exception):
    """The text read so far is no longer in the file: somebody cut it to nothing and wrote on."""


@dataclass
class Following:
    """`source` is None while the text is looked for: it was cut off, or not yet found again after a restart."""

    path: str
    ident: Ident
    source: Source | None
    offset: int
    start: int
    print: Print
    head: bytes = b""
    tail: bytes = b""
    stream: str = ""
    restored: bool = False
    whole: bool = False
    """Nobody writes on into it (a copy, a packed file): it ends where it ends."""
    refused: bool = False
    gone_since: float | None = None
    moved_at: float = 0.0
    quiet: int = 0
    looks: int = 0
    size: int = 0
    hole: int = 0
    at_end: bool = False
    _checked: tuple[int, int] = field(default=(-1, -1))

    @property
    def live(self) -> bool:
        return self.source is not None and self.gone_since is None and not self.whole

    @property
    def nameable(self) -> bool:
        """The first line, or enough of it, tells generations apart; a few bytes would not."""
        return b"\n" in self.head or len(self.head) >= NAMED_FROM or bool(self.head and not self.live)

    def take_over(self, source: Source, ident: Ident, size: int) -> None:
        """Go on reading here: the same text at another place."""
        self.source, self.ident, self.size = source, ident, size
        if isinstance(source, Plain) and not self.tail:
            ahead = min(TAIL, self.offset)
            self.tail = source.read(self.offset - ahead, ahead)
        self.hole, self.head = begin(source)
        self.print = Print.of(self.head)
        if self.offset == 0:
            self.offset = self.start = self.hole
        self._checked = (-1, -1)

    def check(self) -> None:
        """Look whether the text is still the one read so far, and learn more of its beginning. Raises CutOff."""
        if not isinstance(self.source, Plain) or self.whole:
            return
        found = os.fstat(self.source.fd)
        state = (found.st_size, found.st_mtime_ns)
        if state == self._checked and abs(time.time_ns() - found.st_mtime_ns) > _RECENT_NS:
            return
        if found.st_size < self.offset:
            raise CutOff
        hole, head = (self.hole, self.source.read(self.hole, HEAD)) if self.head else begin(self.source)
        if not head.startswith(self.head):
            raise CutOff
        if self.source.read(self.offset - len(self.tail), len(self.tail)) != self.tail:
            raise CutOff
        if not self.head and self.offset <= hole:
            self.hole, self.offset, self.start = hole, hole, hole
        self.head, self.size, self._checked = head, found.st_size, state
        self.print = Print.of(head)

    def take(self, limit: int) -> bytes:
        """The next bytes, b"" at the present end. Raises CutOff, then nothing was taken; Damaged."""
        if self.source is None:
            return b""
        data = self.source.read(self.offset, min(limit, PIECE))
        if not data:
            self.at_end = True
            return b""
        if isinstance(self.source, Plain) and not self.whole:
            self._still_the_same(self.source, data)
        self.at_end = False
        self.offset += len(data)
        self.tail = (self.tail + data)[-TAIL:]
        return data

    def _still_the_same(self, source: Plain, data: bytes) -> None:
        """Asked after reading: what was cut off before or while reading shows here, so no wrong byte is handed out."""
        ending = data[-TAIL:]
        if (
            source.read(self.hole, len(self.head)) != self.head
            or source.read(self.offset - len(self.tail), len(self.tail)) != self.tail
            or source.read(self.offset + len(data) - len(ending), len(ending)) != ending
        ):
            raise CutOff

    def cut_off(self) -> Following:
        """The text that stands in the file from now on; this one is looked for elsewhere."""
        new = Following(self.path, self.ident, self.source, 0, 0, Print.of(b""), gone_since=self.gone_since)
        self.source, self.looks, self.whole = None, 0, False
        return new

    def found_in(self, head: bytes, size: int, packed: bool) -> bool:
        """Whether a file that begins like this holds the text followed here, and more of it."""
        return self.print.size > 0 and self.print.matches(head) and (packed or size >= self.offset)

    def ends_there(self, source: Source) -> bool:
        """Whether the last bytes read stand at the same place there."""
        try:
            return not self.tail or source.read(self.offset - len(self.tail), len(self.tail)) == self.tail
        except Damaged:
            return False

    def close(self) -> None:
        if self.source is not None:
            self.source.close()
            self.source = None
