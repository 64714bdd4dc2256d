"""`pilotage down`."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from pilotage.cli.client import running
from pilotage.core.errors import PilotageError

STOP_WITHIN_S = 15.0


def stop_local(state: Path) -> str:
    """Ends the coordinator of this state folder and waits until it is gone; says what it did."""
    note = running(state)
    if note is None:
        return f"No coordinator is running on {state}."
    pid = int(note["pid"])
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN_S
    while time.monotonic() < deadline:
        if _has_ended(state):
            return f"The coordinator (pid {pid}) has stopped. Its rollouts go on at the next `pilotage up`."
        time.sleep(0.05)
    raise PilotageError(f"the coordinator (pid {pid}) has not stopped within {STOP_WITHIN_S:g} s")


def _has_ended(state: Path) -> bool:
    """The coordinator holds this lock until its engine has stopped and it ends itself."""
    try:
        with (state / "coordinator.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return running(state) is None
