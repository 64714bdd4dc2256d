"""Streamable HTTP, stateless: each request stands for itself, and is answered with JSON.

Whoever serves it has looked at the token, the host and the origin before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from mcp.server.lowlevel.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp, Receive, Scope, Send

from pilotage.core.people import Scope as Right
from pilotage.mcp.door import Door
from pilotage.mcp.guest import Guest
from pilotage.mcp.serving import Context, make_server

GUEST = "pilotage.guest"
HERE = "http://127.0.0.1"
"""Of the requests inside the process: a name that the server takes for its own."""


class Inside:
    """The very same app in this process, asked with the token that came."""

    def __init__(self, client: httpx.AsyncClient, token: str, address: str) -> None:
        self._client = client
        self._token = token
        self.address = address

    async def client(self, anew: bool = False) -> httpx.AsyncClient:
        return self._client

    async def seal(self) -> bytes:
        return self._token.encode()


def http_server() -> Server[Any]:
    return make_server(_guest_of)


def _guest_of(context: Context) -> Guest:
    assert context.request is not None
    guest: Guest = context.request.scope[GUEST]
    return guest


async def answer(
    server: Server[Any],
    app: ASGIApp,
    token: str,
    scopes: frozenset[Right],
    address: str,
    asgi: tuple[Scope, Receive, Send],
) -> None:
    """One request. `app`: the API; `address`: the one for people."""
    scope, receive, send = asgi
    peer = scope.get("client") or ("127.0.0.1", 0)
    transport = httpx.ASGITransport(app=app, client=(peer[0], peer[1]), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}", **_traced(dict(scope["headers"]))}
    async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as client:
        scope[GUEST] = Guest(Door(Inside(client, token, address)), scopes)
        manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        async with manager.run():  # a manager of its own: nothing is left of a request when it is answered
            await manager.handle_request(scope, receive, send)


def _traced(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """So that what the tools do belongs to the request's trace and id."""
    found = {name: headers.get(name.encode()) for name in ("traceparent", "x-request-id")}
    return {name: value.decode("latin-1") for name, value in found.items() if value}
