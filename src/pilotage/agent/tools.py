"""What the model may do: look at files, and ask a person to run a command. Needs the extra ``agent``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.tools import RunContext, Tool

from pilotage.agent import running
from pilotage.agent.jail import MOST_LINES, MOST_NAMES, Denied, Jail
from pilotage.agent.limits import Limits
from pilotage.core.words import printable

ENOUGH = "That is enough looking. Give your answer now, with what you know; leave out what you do not."


@dataclass
class Desk:
    """What the tools of one run share. `say` tells the person at the keyboard what happens."""

    jail: Jail
    limits: Limits
    say: Callable[[str], None]
    looks: int = 0
    ran: list[list[str]] = field(default_factory=list)


async def read_file(ctx: RunContext[Any], path: str, from_line: int = 1, lines: int = MOST_LINES) -> str:
    """Lines of a file of the repository, each with its number. Paths start at the repository's top."""
    return await _look(ctx, f"reading {path}", lambda jail: jail.read(path, from_line, lines))


async def glob(ctx: RunContext[Any], pattern: str) -> str:
    """Names of files that match a pattern such as deploy/**/*.yaml."""

    def look(jail: Jail) -> str:
        names = jail.glob(pattern)
        more = [f"({len(names) - MOST_NAMES} more)"] if len(names) > MOST_NAMES else []
        return "\n".join([*names[:MOST_NAMES], *more]) or "(no file)"

    return await _look(ctx, f"looking for files {pattern}", look)


async def grep(ctx: RunContext[Any], pattern: str, glob: str = "**/*") -> str:
    """Lines that match a regular expression of Python's, in files that match a pattern, as name:line: text."""
    return await _look(ctx, f"looking for {pattern} in {glob}", lambda jail: jail.grep(pattern, glob))


async def run(ctx: RunContext[Any], argv: list[str]) -> str:
    """Asks the person to run a command in the repository: a program and its arguments; there is no shell."""
    desk: Desk = ctx.deps
    desk.ran.append(argv)
    desk.say(f"running {running.shown(argv)}")
    return await running.run(argv, desk.jail.root)


TOOLS: list[Tool[Any]] = [
    Tool(read_file),
    Tool(glob),
    Tool(grep),
    Tool(run, requires_approval=True, sequential=True),
]


async def _look(ctx: RunContext[Any], what: str, look: Callable[[Jail], str]) -> str:
    desk: Desk = ctx.deps
    desk.looks += 1
    if desk.looks > desk.limits.enough:
        return ENOUGH
    desk.say(printable(what)[:200])
    try:
        return await asyncio.to_thread(look, desk.jail)
    except Denied as error:
        return f"Not shown: {error}"
