"""`pilotage mcp`: one agent on standard input and output, in its working folder."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from mcp.server.stdio import stdio_server

from pilotage.core.people import Scope
from pilotage.mcp.door import Door
from pilotage.mcp.guest import Guest
from pilotage.mcp.identity import Identity
from pilotage.mcp.serving import make_server


def serve(find: Callable[[], tuple[str, str]], scopes: frozenset[Scope], folder: Path, user: str) -> None:
    """Until standard input ends. `find`: as Identity takes it."""
    logging.basicConfig(level=logging.WARNING)  # to standard error: standard output is the protocol's
    asyncio.run(_serve(Identity(find, scopes, user), scopes, folder))


async def _serve(identity: Identity, scopes: frozenset[Scope], folder: Path) -> None:
    guest = Guest(Door(identity), scopes, folder)
    server = make_server(lambda _: guest)
    try:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
    finally:
        await identity.end()
