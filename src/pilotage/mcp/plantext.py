"""A plan that a tool is given: its text, or a file inside the working folder."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.mcp.asked import LONGEST_PLAN, PlanText
from pilotage.mcp.guest import Guest

ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Read:
    text: str
    directory: str
    file: str = ""

    @property
    def body(self) -> dict[str, str]:
        """As the API wants it."""
        return {"plan": self.text, "directory": self.directory, "file": self.file}


async def read(guest: Guest, given: PlanText) -> Read:
    """Raises ToolError."""
    if guest.folder is None:
        return _over_http(given)
    if given.directory:
        raise ToolError("directory: only over HTTP. Here it is the file's folder, or the working folder")
    if given.file:
        return await asyncio.to_thread(_inside, guest.folder, given.file)
    return Read(given.plan, str(guest.folder))


def _over_http(given: PlanText) -> Read:
    if given.file:
        raise ToolError("file: only over stdio, where the agent works beside it. Give the plan's text as `plan`")
    if not os.path.isabs(given.directory):
        raise ToolError(
            "directory: expected the absolute folder on the coordinator's machine where relative paths in the plan "
            f"start, one of those that its settings name under folders:, not {given.directory[:200]!r}. Ask the person"
        )
    return Read(given.plan, given.directory)


def _inside(folder: Path, name: str) -> Read:
    """The path is followed to its end first: no link leads out of the folder."""
    root = Path(os.path.realpath(folder))
    try:
        path = Path(os.path.realpath(root / name))
    except (OSError, ValueError):
        path = Path("/")
    if not path.is_relative_to(root) or path.suffix not in ENDINGS:
        raise ToolError(
            f"file: expected a plan file ({' or '.join(ENDINGS)}) inside the working folder, not {name[:200]!r}. "
            "Give its path from there, or its text as `plan`"
        )
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ToolError(f"file: {name[:200]!r} is no plain file. Give another, or the text as `plan`")
            data = file.read(4 * LONGEST_PLAN + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ToolError(f"file: {name[:200]!r} cannot be read. Is it there? Else give its text as `plan`") from None
    if len(text) > LONGEST_PLAN:
        raise ToolError(f"file: a plan has {LONGEST_PLAN} characters at most, and this one has more")
    return Read(text, str(path.parent), str(path))
