"""Plans that are made known."""

from __future__ import annotations

from pathlib import Path

from pilotage import planfile
from pilotage.desk import Desk


async def made_known(desk: Desk, text: str, directory: str, file: str, by: str) -> str:
    """Its id."""
    return await desk.take(planfile.load(text, directory=Path(directory), file=file), text, file, by)
