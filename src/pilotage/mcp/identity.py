"""Over stdio: as whom the coordinator is asked. Always as an agent, never as the person whose machine it is."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.core.errors import CoordinatorUnreachable
from pilotage.core.people import Scope
from pilotage.mcp import outside

if TYPE_CHECKING:
    import httpx

LASTS_S = (8 * 3600, 3600, 300)
"""How long a token that is made here lasts: a token that a token makes ends with it, so the longest that goes."""
EARLY_S = 60.0
WITHIN_S = 60.0
END_WITHIN_S = 3.0
HOW = (
    "A person who administers Pilotage makes an agent's token with `pilotage token create --kind agent --role operator "
    "--name coding-agent --scope plan:read --scope rollback`, and gives it to `pilotage mcp` as PILOTAGE_TOKEN"
)


class Identity:
    """`find`: the coordinator's address and the credential that is there; blocking, starts it when it is missing."""

    def __init__(self, find: Callable[[], tuple[str, str]], scopes: frozenset[Scope], user: str) -> None:
        self._find = find
        self._scopes = scopes
        self._user = user
        self._name = agent_name(user)
        self._opening = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        self._token = ""
        self._made = ""
        """The id of the token that was made here, to be taken back at the end."""
        self._ends = 0.0
        """By this machine's own clock: the coordinator's may differ."""
        self._seal = b""
        self.address = "its address"

    async def client(self, anew: bool = False) -> httpx.AsyncClient:
        async with self._opening:
            late = bool(self._made) and time.monotonic() > self._ends - EARLY_S
            if self._client is None or anew or late:
                await self._open(late)
            assert self._client is not None
            return self._client

    async def seal(self) -> bytes:
        await self.client()
        return self._seal

    async def end(self) -> None:
        """Takes back the token that was made for this connection."""
        if self._client is not None:
            with suppress(Exception):
                async with asyncio.timeout(END_WITHIN_S):
                    if self._made:
                        await self._client.post(f"/v1/tokens/{self._made}/revoke", json={})
                    await self._client.aclose()

    async def _open(self, late: bool) -> None:
        try:
            url, given = await asyncio.to_thread(self._find)
        except CoordinatorUnreachable as error:
            raise ToolError(str(error)) from None
        self.address = url.rstrip("/")
        if not self._token or late:
            async with self._speaking(given) as person:
                self._token = await self._own(person, given)
            self._seal = self._seal or self._token.encode()
        if self._client is not None:
            await self._client.aclose()
        self._client = self._speaking(self._token)

    def _speaking(self, token: str) -> httpx.AsyncClient:
        import httpx

        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.address, headers=headers, timeout=WITHIN_S, follow_redirects=False)

    async def _own(self, client: httpx.AsyncClient, given: str) -> str:
        """The given token when it is an agent's; else one that is made with it. Raises ToolError."""
        who = await self._ask(client, "GET", "/v1/me")
        if who["kind"] == "agent":
            return given
        if who["kind"] not in ("local", "person"):
            raise ToolError(
                f"PILOTAGE_TOKEN is a machine's, {outside.one(who['name'])}'s: an agent's is expected. {HOW}"
            )
        grant = {"role": "operator", "service": "*", "environment": "*"}
        about = {
            "kind": "agent",
            "name": self._name,
            "scopes": sorted(self._scopes),
            "grants": [grant],
            "by": self._user,
        }
        why = ""
        for lasts_s in LASTS_S:
            answer = await client.post("/v1/tokens", json={**about, "lasts_s": lasts_s})
            if answer.status_code == 201:
                made = answer.json()
                self._made, self._ends = made["id"], time.monotonic() + lasts_s
                return str(made["secret"])
            why = outside.one(answer.json().get("detail"))
            if answer.status_code != 409:
                break
        raise ToolError(f"no agent's token could be made with the credential that is there: {why}. {HOW}")

    async def _ask(self, client: httpx.AsyncClient, method: str, path: str) -> dict[str, Any]:
        import httpx

        try:
            answer = await client.request(method, path)
            found: dict[str, Any] = answer.json()
        except (httpx.TransportError, ValueError):
            raise ToolError(f"no coordinator answers at {self.address}. `pilotage up` starts one") from None
        if answer.status_code >= 400:
            raise ToolError(f"{outside.one(found.get('detail'))}. {HOW}")
        return found


def agent_name(user: str) -> str:
    """As the record will say it: a word of small letters, digits and hyphens."""
    return f"mcp-{re.sub(r'[^a-z0-9]+', '-', user.lower()).strip('-') or 'agent'}"[:63]
