"""A real journal in a folder, written by systemd-journal-remote (Debian's package of that name), read by journalctl."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_WRITER = "/lib/systemd/systemd-journal-remote"
UNIT = "payment.service"


class Journal:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._boot = uuid.uuid4().hex
        self._writer = subprocess.Popen(
            [_WRITER, f"--output={folder / 'test.journal'}", "--split-mode=none", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def write(self, message: bytes, unit: str = UNIT, at: float | None = None) -> None:
        """One entry, in the export format (systemd.io/JOURNAL_EXPORT_FORMATS)."""
        now = int((time.time() if at is None else at) * 1e6)
        head = f"__REALTIME_TIMESTAMP={now}\n__MONOTONIC_TIMESTAMP={time.monotonic_ns() // 1000}\n"
        head += f"_BOOT_ID={self._boot}\n_SYSTEMD_UNIT={unit}\n"
        assert self._writer.stdin is not None
        self._writer.stdin.write(head.encode() + b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n\n")
        self._writer.stdin.flush()

    def close(self) -> None:
        assert self._writer.stdin is not None
        self._writer.stdin.close()
        self._writer.wait(10)


@contextmanager
def journal(folder: Path) -> Iterator[Journal]:
    missing = [one for one in (_WRITER, "journalctl") if not (os.path.exists(one) or shutil.which(one))]
    if missing:
        reason = f"{missing[0]} is not here (Debian: apt-get install systemd systemd-journal-remote)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    folder.mkdir()
    running = Journal(folder)
    try:
        running.write(b"of another unit", "other.service")
        yield running
    finally:
        running.close()
