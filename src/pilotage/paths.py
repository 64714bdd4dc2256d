"""Where Pilotage keeps its things on this machine (XDG state folder, or PILOTAGE_STATE)."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """The private state folder, made when missing (mode 0700)."""
    named = os.environ.get("PILOTAGE_STATE")
    folder = (
        Path(named) if named else Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "pilotage"
    )
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def coordinator_note(state: Path) -> Path:
    """Where a running coordinator notes its URL, token and process id (mode 0600)."""
    return state / "coordinator.json"
