"""The tools that agents are offered. No tool approves, shortens or overrides anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from pilotage.core.people import Scope
from pilotage.mcp.guest import Guest


@dataclass(frozen=True)
class Tool:
    """`scope`: what a token needs for it. `anywhere`: over stdio it needs no more than reading."""

    name: str
    title: str
    text: str
    asked: type[BaseModel]
    answer: type[BaseModel]
    run: Callable[[Guest, Any], Awaitable[BaseModel]]
    scope: Scope
    reads: bool = False
    destroys: bool = False
    repeatable: bool = False

    def offered(self, guest: Guest) -> bool:
        return self.scope in guest.scopes


def all_tools() -> tuple[Tool, ...]:
    from pilotage.mcp.tools import beginning, going_back, looking, planning

    return (*planning.TOOLS, *beginning.TOOLS, *looking.TOOLS, *going_back.TOOLS)
