"""A file that others read and some change: replaced by one rename, under a lock, to the end even when cancelled."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import turns
from pilotage.drivers.looks import looks

T = TypeVar("T")

WITHIN_S = 10.0
"""So long a writer waits for the one before it."""


async def to_the_end(func: Callable[..., T], *args: object, threads: Executor | None = None) -> T:
    """`func(*args)` in a thread (one of `threads`). Cancelled, it waits for the thread before the cancellation goes on:
    else what the thread still does could land after what a later call has done."""
    return await turns.to_the_end(asyncio.get_running_loop().run_in_executor(threads, func, *args))


@asynccontextmanager
async def alone(path: Path) -> AsyncIterator[None]:
    """Nobody else who asks for it has `path` meanwhile, in this process or another one.

    The lock is a file beside it, ``.NAME.lock``, which stays. Raises TemporaryError when others have it for too long.
    """
    lock = _Lock(path)
    try:
        async for _ in looks(WITHIN_S):
            if await to_the_end(lock.take):
                break
        else:
            raise TemporaryError(f"somebody else has been writing {path} for {WITHIN_S:g} s ({lock.path} is locked)")
        yield
    finally:
        lock.release()


async def change(path: Path, func: Callable[..., T], *args: object) -> T:
    """`func(*args)`, which reads and replaces `path`: alone, and to the end."""
    async with alone(path):
        return await to_the_end(func, *args)


def replace(path: Path, text: str) -> None:
    """Whoever reads `path` at any moment finds the old text or the new one, also after a power cut.

    The file keeps its rights; a new one can be read by everybody. Its time is a later one than before: some readers
    look at nothing else, and two writes can fall into one tick of the file system's clock.
    """
    try:
        before = path.stat() if path.exists() else None
        # Its ending keeps it out of what includes every *.yml or *.conf of the folder.
        handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".tmp", dir=path.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(fresh, stat.S_IMODE(before.st_mode) if before else 0o644)
            later = max(time.time_ns(), before.st_mtime_ns + 1_000_000 if before else 0)
            os.utime(fresh, ns=(later, later))
            os.replace(fresh, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(fresh)
            raise
    except OSError as error:
        raise PermanentError(f"cannot write {path}: {error.strerror}") from None


class _Lock:
    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.lock")
        self._handle: int | None = None

    def take(self) -> bool:
        try:
            if self._handle is None:
                self._handle = self._open()
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise PermanentError(f"cannot lock {self.path}: {error.strerror}") from None
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o664)  # NFS locks only what may be written
        except PermissionError:
            return os.open(self.path, os.O_RDONLY)  # made by another user
