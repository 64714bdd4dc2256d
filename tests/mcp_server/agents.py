"""A coding agent, as the official client plays it: over stdio, over HTTP, and over HTTP inside this process."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.session import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult, TextContent

from tests.server.team import Team

ALL = (
    *("create_plan", "check_plan", "request_approval", "start_rollout", "report_user_trouble"),
    *("rollout_status", "explain_verdict", "history", "hold", "rollback"),
)
READING = ("create_plan", "check_plan", "rollout_status", "explain_verdict", "history")
ERAS = ("legacy", "auto")
"""The handshake of the protocol's first years, and what the newest revision does instead."""


class Agent:
    """`answered`: questions that the server has asked the client, to which it says yes by itself."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    async def yes(self, _: ClientRequestContext, asked: ElicitRequestParams) -> ElicitResult:
        self.asked.append(asked)
        return ElicitResult(action="accept", content={"approve": True, "approved": True, "yes": True})

    async def tools(self) -> set[str]:
        return {one.name for one in (await self.client.list_tools()).tools}

    async def does(self, tool: str, **given: Any) -> dict[str, Any]:
        """What the tool answers, as a program reads it."""
        result = await self._call(tool, given)
        assert not result.is_error, text_of(result)
        found: dict[str, Any] = result.structured_content
        return found

    async def is_refused(self, tool: str, **given: Any) -> str:
        """The sentence that it is refused with."""
        result = await self._call(tool, given)
        assert result.is_error, text_of(result)
        return text_of(result)

    async def _call(self, tool: str, given: dict[str, Any]) -> CallToolResult:
        result = await self.client.call_tool(tool, given)
        assert isinstance(result, CallToolResult)
        return result

    async def reads(self, address: str) -> str:
        return str(getattr((await self.client.read_resource(address)).contents[0], "text"))


def text_of(result: CallToolResult) -> str:
    return "\n".join(one.text for one in result.content if isinstance(one, TextContent))


@asynccontextmanager
async def _agent(transport: Any, era: str) -> AsyncIterator[Agent]:
    agent = Agent()
    async with Client(transport, mode=era, elicitation_callback=agent.yes) as client:
        agent._client = client
        yield agent


@asynccontextmanager
async def over_stdio(state: Path, folder: Path, *allow: str, era: str = "auto", **more: str) -> AsyncIterator[Agent]:
    """`more`: of its environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PILOTAGE_", "TEMPORAL_"))}
    arguments = ["-m", "pilotage", "mcp", *(part for one in allow for part in ("--allow", one))]
    about = {"env": {**clean, "PILOTAGE_STATE": str(state), **more}, "cwd": str(folder)}
    async with _agent(stdio_client(StdioServerParameters(command=sys.executable, args=arguments, **about)), era) as one:
        yield one


@asynccontextmanager
async def over_http(url: str, token: str, era: str = "auto") -> AsyncIterator[Agent]:
    """At a real port."""
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        async with _agent(streamable_http_client(f"{url}/mcp", http_client=client), era) as one:
            yield one


@asynccontextmanager
async def inside(ours: Team, token: str, era: str = "auto") -> AsyncIterator[Agent]:
    """At the service of a team in this process."""
    transport = httpx2.ASGITransport(app=ours.app, client=("192.0.2.9", 40_000))
    async with httpx2.AsyncClient(transport=transport, headers={"Authorization": f"Bearer {token}"}) as client:
        url = f"{ours.access.settings.url or 'http://127.0.0.1:8700'}/mcp"
        async with _agent(streamable_http_client(url, http_client=client), era) as one:
            yield one
