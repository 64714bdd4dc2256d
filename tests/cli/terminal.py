"""A real terminal for a command: what it shows, and what a person types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 30.0


class Terminal:
    """`pilotage ARGUMENTS` on a pseudo-terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.shown = ""
        self._read = 0
        self._side, inner = pty.openpty()
        environment = {**os.environ, "PILOTAGE_STATE": str(folder / "state"), "TERM": "xterm"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pilotage", *arguments],
            cwd=folder,
            env=environment,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            close_fds=True,
        )
        os.close(inner)

    def answer(self, question: str, text: str) -> None:
        """Types `text` when `question` is shown; the same question may come again."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := self.shown.find(question, self._read)) < 0:
            heard = time.monotonic() < deadline and self._hear(deadline)
            assert heard, f"{question!r} was not asked: {self.shown}"
        self._read = found + len(question)
        os.write(self._side, f"{text}\n".encode())

    def ended(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._hear(deadline):
            pass
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._side)

    def _hear(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._side], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            heard = os.read(self._side, 65536)
        except OSError:  # the other side is closed
            return False
        self.shown += heard.decode(errors="replace").replace("\r\n", "\n")
        return bool(heard)
