"""`pilotage down`."""

from __future__ import annotations

import fcntl
import time
from contextlib import suppress
from pathlib import Path

import psutil

from pilotage.cli.client import running
from pilotage.core.errors import PilotageError

STOP_WITHIN_S = 30.0


def stop_local(state: Path) -> str:
    """Ends the coordinator of this state folder and waits until its process is gone; says what it did.

    One that is still starting is ended as soon as it is up: before that it would leave its engine behind.
    """
    if not _is_held(state):
        return f"No coordinator is running on {state}."
    holder = _holder(state)
    asked = False
    deadline = time.monotonic() + STOP_WITHIN_S
    while time.monotonic() < deadline:
        if not asked and (note := running(state)) is not None:
            asked = True
            with suppress(psutil.NoSuchProcess):
                holder = psutil.Process(int(note["pid"]))
                holder.terminate()
        if not _is_held(state) and (holder is None or _has_ended(holder)):
            who = "" if holder is None else f" (pid {holder.pid})"
            return f"The coordinator{who} has stopped. Its rollouts go on at the next `pilotage up`."
        time.sleep(0.05)
    who = f" (pid {holder.pid})" if holder is not None else ""
    raise PilotageError(f"the coordinator{who} has not stopped within {STOP_WITHIN_S:g} s; see {state}/coordinator.log")


def _is_held(state: Path) -> bool:
    """A coordinator holds this lock from its start until its engine has stopped."""
    try:
        with (state / "coordinator.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _holder(state: Path) -> psutil.Process | None:
    """psutil remembers when the process was created, so that its id used again by another is not taken for it."""
    try:
        return psutil.Process(int((state / "coordinator.lock").read_text()))
    except (OSError, ValueError, psutil.Error):
        return None


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
