"""An agent that has come in: its way to the coordinator, what it may, and where it works."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.core.people import Scope
from pilotage.mcp import handles
from pilotage.mcp.door import Door


@dataclass(frozen=True)
class Guest:
    """`folder`: the working folder, over stdio; None over HTTP, where the agent is on another machine."""

    door: Door
    scopes: frozenset[Scope]
    folder: Path | None = None

    async def handle(self, kind: handles.Kind, name: str) -> str:
        return handles.handle(kind, name, await self.door.entrance.seal())

    async def named(self, kind: handles.Kind, given: str) -> str:
        """The name in a handle. Raises ToolError for one that this guest was not given."""
        try:
            return handles.name_in(kind, given, await self.door.entrance.seal())
        except handles.NoHandle as error:
            raise ToolError(str(error)) from None

    async def rollout(self, given: str) -> str:
        """The name in a rollout's handle; `latest` when none is given."""
        return await self.named("rollout", given) if given else "latest"
