"""Opening what may be a log file, never blocking, and knowing it again by its first bytes."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import zlib
from dataclasses import dataclass
from typing import IO, Any, Protocol

HEAD = 4096
"""So many first bytes tell one file from another."""
PIECE = 1024 * 1024
_CHUNK = 64 * 1024
_SKIP_LIMIT = 256 * 1024 * 1024
_PACKED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED = tuple(_PACKED)

Ident = tuple[int, int]
"""Device and inode."""


class NotAFile(OSError):
    """A directory, a pipe, a device: nothing to follow. Its text says which."""


class Damaged(Exception):
    """A packed file that cannot be unpacked further; what came before counts."""


@dataclass(frozen=True)
class Print:
    """The fingerprint of a file's first `size` bytes."""

    size: int
    digest: str

    @classmethod
    def of(cls, head: bytes) -> Print:
        return cls(len(head), hashlib.sha256(head).hexdigest()[:16])

    def matches(self, head: bytes) -> bool:
        return len(head) >= self.size and Print.of(head[: self.size]) == self


class Source(Protocol):
    def read(self, offset: int, size: int) -> bytes: ...
    def close(self) -> None: ...


class Plain:
    def __init__(self, fd: int) -> None:
        self.fd = fd

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self.fd, size, offset)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Packed:
    """The unpacked bytes of a packed file, read forwards. Raises Damaged after the last byte that can be read."""

    def __init__(self, fd: int, suffix: str) -> None:
        self._raw: IO[bytes] = os.fdopen(fd, "rb")
        self._file = _PACKED[suffix](self._raw, "rb")
        self._at = 0

    def read(self, offset: int, size: int) -> bytes:
        try:
            if offset < self._at:
                self._file.seek(0)
                self._at = 0
            while self._at < offset:
                skipped = len(self._file.read1(min(_CHUNK, offset - self._at)))
                if not skipped:
                    return b""
                self._at += skipped
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise Damaged(str(error)) from None
        got = bytearray()
        while len(got) < size:
            try:
                chunk = self._file.read1(min(_CHUNK, size - len(got)))
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                if got:
                    break
                raise Damaged(str(error)) from None
            if not chunk:
                break
            got += chunk
        self._at += len(got)
        return bytes(got)

    def close(self) -> None:
        self._file.close()
        self._raw.close()


def open_file(path: str) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file. Raises NotAFile or another OSError; never waits for a pipe's other end."""
    _refuse_others(os.stat(path))
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        found = os.fstat(fd)
        _refuse_others(found)
    except BaseException:
        os.close(fd)
        raise
    return fd, found


def open_source(path: str) -> tuple[Source, os.stat_result]:
    """As `open_file`; a packed file is unpacked while it is read."""
    fd, found = open_file(path)
    suffix = os.path.splitext(path)[1]
    return (Packed(fd, suffix) if suffix in _PACKED else Plain(fd)), found


def begin(source: Source) -> tuple[int, bytes]:
    """Where the text begins, and its first HEAD bytes.

    A writer that does not append leaves a hole of NUL bytes before its place when its file is cut to nothing.
    """
    try:
        head = source.read(0, HEAD)
        if not head.startswith(b"\0"):
            return 0, head
        at = 0
        while at < _SKIP_LIMIT:
            if isinstance(source, Plain) and at:
                at = _next_data(source.fd, at)
            chunk = source.read(at, _CHUNK)
            text = chunk.lstrip(b"\0")
            if text or not chunk:
                at += len(chunk) - len(text)
                return at, source.read(at, HEAD)
            at += len(chunk)
        return 0, head
    except Damaged:
        return 0, b""


def looks_binary(head: bytes) -> bool:
    return head.count(0) * 20 > len(head)


def ident_of(found: os.stat_result) -> Ident:
    return found.st_dev, found.st_ino


def _next_data(fd: int, at: int) -> int:
    try:
        return os.lseek(fd, at, os.SEEK_DATA)
    except OSError:
        return at


def _refuse_others(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kinds = [(stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket")]
    raise NotAFile(next((name for is_kind, name in kinds if is_kind(found.st_mode)), "a device"))
