"""/mcp: agents, by the Model Context Protocol. Only agents' tokens come in, and each tool asks the API."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pilotage.core.errors import Forbidden, PilotageError
from pilotage.server.access import Access
from pilotage.server.problems import problem, told
from pilotage.server.refusals import MCP

if TYPE_CHECKING:
    from mcp.server.lowlevel.server import Server

OFF = (
    "agents are not served here: `mcp: true` under agents: in the settings switches it on, and counts at once when the "
    "file is read anew (SIGHUP). On one's own machine `pilotage mcp` needs no such thing"
)


def add_mcp(app: FastAPI, access: Access) -> None:
    app.router.routes.append(Route(MCP, endpoint=Mcp(app, access), include_in_schema=False))


class Mcp:
    def __init__(self, app: FastAPI, access: Access) -> None:
        self._app = app
        self._access = access
        self._server: Server[Any] | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = await self._refusal(scope, receive)
        if refused is not None:
            await refused(scope, receive, send)
            return
        from pilotage.mcp.http import answer

        caller = scope["state"]["caller"]
        token = Request(scope).headers["authorization"].partition(" ")[2]
        about = (token, caller.scopes_at_most(), self._address(scope))
        await answer(await self._loaded(), self._app, *about, (scope, receive, send))

    async def _refusal(self, scope: Scope, receive: Receive) -> Response | None:
        if not self._access.settings.agents.mcp:
            return told(404, "NotFound", OFF)
        if importlib.util.find_spec("mcp") is None:
            return told(503, "Unavailable", "agents cannot be served here: pip install 'pilotage[mcp]' where it runs")
        request = Request(scope, receive)
        try:
            caller = await self._access.by_token(request)
            if caller.kind != "agent":
                raise Forbidden(
                    "only an agent's token comes in here, and never a person's: `pilotage token create --kind agent`"
                )
        except PilotageError as error:
            return problem(error)
        request.state.caller = caller
        if request.method != "POST":
            return told(
                405,
                "WrongMethod",
                "only POST is answered here: each request stands for itself",
                None,
                {"Allow": "POST"},
            )
        await self._loaded()
        return None

    async def _loaded(self) -> Server[Any]:
        """Its library takes a second to load: beside the loop, when the first agent comes."""
        async with self._loading:
            if self._server is None:
                self._server = await asyncio.to_thread(_load)
            return self._server

    def _address(self, scope: Scope) -> str:
        host = Request(scope).headers.get("host", "")
        return self._access.settings.url or f"{scope['scheme']}://{host}"


def _load() -> Server[Any]:
    from pilotage.mcp.http import http_server

    return http_server()
