"""A stream of bytes -> pieces that end where an entry ends, whatever the reads were."""

from __future__ import annotations

from pilotage.core.entries import MAX_ENTRY, boundary

LONGEST_LINE = 1024 * 1024
"""Of a longer line only the beginning is looked at."""


class Cutter:
    """`feed` gives what is complete; the last entry is held back until more comes, or `flush`."""

    def __init__(self) -> None:
        self._held = b""
        self._in_long_line = False
        self.long_lines = 0
        self.binary = 0
        """Pieces with NUL bytes."""

    @property
    def held(self) -> int:
        """Bytes that were fed and not given yet."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        if self._in_long_line:
            newline = data.find(b"\n")
            if newline < 0:
                return b""
            self._in_long_line, data = False, data[newline + 1 :]
        whole = self._held + data if self._held else data
        cut = boundary(whole)
        ready, self._held = whole[:cut], whole[cut:]
        if len(self._held) > LONGEST_LINE and b"\n" not in self._held:
            self.long_lines += 1
            self._in_long_line = True
            ready, self._held = ready + self._held[:MAX_ENTRY] + b"\n", b""
        return self._checked(ready)

    def settle(self) -> bytes:
        """Of what is held, the lines that are complete: nothing more belongs to them."""
        cut = self._held.rfind(b"\n") + 1
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._checked(ready)

    def flush(self) -> bytes:
        ready, self._held = self._held, b""
        return self._checked(ready)

    def _checked(self, ready: bytes) -> bytes:
        if 0 in ready:
            self.binary += 1
        return ready
