"""One run of a command whose output is read as it comes, through a bounded buffer: who writes faster waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

BUFFER = 8 * 1024 * 1024
STDERR_TAIL = 4096
_CHUNK = 64 * 1024
_TERM_S = 2.0

_TIED = """
import os, signal, sys
parent, *argv = sys.argv[1:]
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
except Exception:
    pass
if os.getppid() != int(parent):
    sys.exit(1)
for one in (signal.SIGPIPE, signal.SIGXFSZ):
    signal.signal(one, signal.SIG_DFL)
try:
    os.execvp(argv[0], argv)
except OSError as error:
    sys.exit(f"cannot run {argv[0]}: {error.strerror}")
"""
"""Replaces itself by the command, which the kernel ends when the thread that started it ends: kill -9 leaves nothing
behind. The thread is the one that reads, so it lives as long as the command."""


class Running:
    """Starts at once. `ended` once the output's end was reached and the process reaped; then `returncode` is set."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], room: int = BUFFER) -> None:
        self.returncode: int | None = None
        self.ended = threading.Event()
        self._argv = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *argv]
        self._cwd, self._env, self._room = cwd, dict(env), room
        self._stderr = bytearray()
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name=f"logs of {argv[0]}", daemon=True)
        self._thread.start()

    def take(self, limit: int) -> bytes:
        """What came in since, b"" when nothing did."""
        taken = bytearray()
        with self._changed:
            while self._chunks and len(taken) < limit:
                chunk = self._chunks.popleft()
                fitting = limit - len(taken)
                taken += chunk[:fitting]
                if len(chunk) > fitting:
                    self._chunks.appendleft(chunk[fitting:])
            self._held -= len(taken)
            self._changed.notify_all()
        return bytes(taken)

    def last_words(self) -> str:
        """The last line on standard error."""
        lines = bytes(self._stderr).decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[-500:] if lines else ""

    def signal_stop(self, number: int = signal.SIGTERM) -> None:
        """Asks the whole process group to end, without waiting."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            if self._process is not None and self._process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """Ends the process group, kindly first, and waits until the command is gone."""
        self.signal_stop()
        if not self.ended.wait(_TERM_S):
            self.signal_stop(signal.SIGKILL)
            self.ended.wait(_TERM_S)

    def wait(self, seconds: float) -> None:
        """Until there is something to take, or the end, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self.ended.is_set(), seconds)

    def _run(self) -> None:
        try:
            with self._changed:
                if self._stopping:
                    return
                self._process = process = subprocess.Popen(
                    self._argv,
                    cwd=self._cwd,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
        except OSError as error:
            self._stderr += str(error).encode()
            self.returncode = 127
        else:
            assert process.stdout is not None
            assert process.stderr is not None
            errors = threading.Thread(target=self._read_errors, args=(process.stderr,), daemon=True)
            errors.start()
            self._read_output(process.stdout)
            self._reap(process)
            errors.join(_TERM_S)
            process.stdout.close()
        finally:
            with self._changed:
                self.ended.set()
                self._changed.notify_all()

    def _read_output(self, stdout: IO[bytes]) -> None:
        while data := os.read(stdout.fileno(), _CHUNK):
            with self._changed:
                self._changed.wait_for(lambda: self._held < self._room or self._stopping)
                self._chunks.append(data)
                self._held += len(data)
                self._changed.notify_all()

    def _read_errors(self, stderr: IO[bytes]) -> None:
        with stderr:
            while data := os.read(stderr.fileno(), _CHUNK):
                self._stderr = (self._stderr + data)[-STDERR_TAIL:]

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        """What is left of the group goes with it; the group's number is nobody else's while the command is unreaped."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._changed:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            self.returncode = process.wait()
