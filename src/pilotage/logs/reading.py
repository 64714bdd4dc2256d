"""Whole log files, plain or compressed, as pieces of whole entries; what is wrong with them is said, not raised."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pilotage.core.cutter import Cutter
from pilotage.core.entries import MAX_ENTRY, boundary

READ = 1024 * 1024
_GZIP = b"\x1f\x8b"
_BINARY_SHARE = 0.001


@dataclass
class Troubles:
    """What a person should know of a source, each said once."""

    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        if text not in self.said:
            self.said.append(text)


@dataclass
class _Doubts:
    long_lines: int = 0
    binary: int = 0

    def say(self, name: str, troubles: Troubles) -> None:
        if self.long_lines:
            many = f"{self.long_lines} lines longer" if self.long_lines > 1 else "a line longer"
            troubles.say(f"{name}: {many} than 1 MiB: only the beginning was looked at")
        if self.binary:
            troubles.say(f"{name}: NUL bytes among the text: is this a log?")


def pieces(path: Path, troubles: Troubles) -> Iterator[tuple[bytes, int]]:
    """(data, stop): whole entries are in ``data[:stop]``. A file that cannot be read gives nothing, and a trouble."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        troubles.say(f"{path} cannot be read: {error.strerror}. Try: ls -l '{path}'")
        return
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            troubles.say(f"{path} is not a regular file")
            return
        first = os.pread(descriptor, 4096, 0)
        if first[:2] == _GZIP:
            with os.fdopen(os.dup(descriptor), "rb") as file:
                yield from stream(gzip.GzipFile(fileobj=file), str(path), troubles)
        elif first.count(0) > _BINARY_SHARE * len(first):
            troubles.say(f"{path} looks binary: it was not read")
        else:
            yield from _plain(descriptor, str(path), troubles)
    except OSError as error:
        troubles.say(f"{path} could not be read to its end: {error.strerror or error}")
    finally:
        os.close(descriptor)


def _plain(descriptor: int, name: str, troubles: Troubles) -> Iterator[tuple[bytes, int]]:
    """Reads go back to where the last entry began, so that nothing has to be copied together."""
    place, doubts = 0, _Doubts()
    while data := os.pread(descriptor, READ, place):
        stop = boundary(data)
        last = len(data) < READ
        if last:
            stop = len(data)
        elif stop == 0:
            doubts.long_lines += 1
            yield data[:MAX_ENTRY], MAX_ENTRY
            place = _next_line(descriptor, place + len(data))
            continue
        doubts.binary += 0 in data
        yield data, stop
        place += stop
    doubts.say(name, troubles)


def _next_line(descriptor: int, place: int) -> int:
    while data := os.pread(descriptor, READ, place):
        newline = data.find(b"\n")
        if newline >= 0:
            return place + newline + 1
        place += len(data)
    return place


def stream(file: IO[bytes] | gzip.GzipFile, name: str, troubles: Troubles) -> Iterator[tuple[bytes, int]]:
    """The same from a pipe, or a compressed file. What comes before damage in it still counts."""
    cutter = Cutter()
    try:
        while data := file.read(READ):
            if ready := cutter.feed(data):
                yield ready, len(ready)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        troubles.say(f"{name} is damaged ({error}): what comes before the damage was read")
    if ready := cutter.flush():
        yield ready, len(ready)
    _Doubts(cutter.long_lines, cutter.binary).say(name, troubles)
