"""What was written before, as far as it is wanted: of more than enough the newest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

from pilotage.drivers import Piece
from pilotage.drivers.logs.running import Running

_PIECE = 1024 * 1024


class Newest:
    """The newest `limit` bytes of what is added."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: deque[bytes] = deque()
        self._size = 0
        self.place = 0
        """Of the first byte that is kept."""

    def add(self, data: bytes) -> None:
        if data:
            self._kept.append(data)
            self._size += len(data)
        while self._kept and self._size - len(self._kept[0]) >= self._limit:
            self._drop(len(self._kept[0]))
        if self._size > self._limit:
            self._drop(self._size - self._limit)

    def take(self) -> bytes:
        """The next piece, empty at the end."""
        data = self._kept.popleft() if self._kept else b""
        self._size -= len(data)
        self.place += len(data)
        return data

    def pieces(self, stream: str, name: str) -> Iterator[Piece]:
        """All that is kept; the last one ends the stream."""
        while self._kept:
            place, data = self.place, self.take()
            yield Piece(stream, name, place, data, ended=not self._kept)

    def _drop(self, size: int) -> None:
        first = self._kept.popleft()
        if size < len(first):
            self._kept.appendleft(first[size:])
        self._size -= size
        self.place += size


def read_whole(run: Running, seconds: float, closed: Callable[[], bool], add: Callable[[bytes], bool]) -> bool:
    """Hands `add` all that a command prints, until it says that this is enough; False when the time was over before."""
    deadline = time.monotonic() + seconds
    while not closed():
        over = run.ended.is_set()
        if data := run.take(_PIECE):
            if add(data):
                break
        elif over:
            break
        elif (left := deadline - time.monotonic()) <= 0:
            return False
        else:
            run.wait(left)
    return True
