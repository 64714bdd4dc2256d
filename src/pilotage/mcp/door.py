"""The way to the coordinator: its HTTP API, asked as one caller. A refusal becomes the tool's error."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.mcp import outside

if TYPE_CHECKING:
    import httpx

MOST_PROBLEMS = 20
LONGEST_DETAIL = 4_000
UNREACHABLE = "no coordinator answers at {where}. A person starts it with `pilotage up`, or looks at `pilotage doctor`"


class Problem(ToolError):
    """What the coordinator said no with."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.kind = str(body.get("type", ""))
        self.problems: list[Any] = body.get("problems") or []
        detail = outside.page(str(body.get("detail") or f"HTTP {status}"), LONGEST_DETAIL)
        super().__init__(detail)


class Entrance(Protocol):
    """Where the API is, and as whom it is asked."""

    @property
    def address(self) -> str:
        """For people, without a slash at the end."""
        ...

    async def client(self, anew: bool = False) -> httpx.AsyncClient:
        """With the caller's token; `anew`: what was found before does not answer any more. Raises ToolError."""
        ...

    async def seal(self) -> bytes:
        """What the caller's handles are signed with."""
        ...


class Door:
    def __init__(self, entrance: Entrance) -> None:
        self.entrance = entrance

    async def get(self, *parts: str, **query: str | int) -> Any:
        return (await self._ask("GET", parts, query=query)).json()

    async def text(self, *parts: str) -> str:
        return (await self._ask("GET", parts)).text

    async def post(self, *parts: str, body: dict[str, Any], once: bool = True) -> Any:
        """`once`: with a key, so that what is sent again after a lost connection acts once."""
        headers = {"Idempotency-Key": secrets.token_hex(16)} if once else {}
        return (await self._ask("POST", parts, body, headers)).json()

    async def _ask(
        self,
        method: str,
        parts: tuple[str, ...],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str | int] | None = None,
    ) -> httpx.Response:
        """Raises Problem for a refusal, and ToolError when nobody answers."""
        import httpx

        path = "/".join(quote(one, safe="") for one in ("v1", *parts))
        about: dict[str, Any] = {"headers": headers or {}, "params": query or {}}
        if body is not None:
            about["json"] = body
        client = await self.entrance.client()
        try:
            answer = await client.request(method, f"/{path}", **about)
        except httpx.TransportError:  # it has ended, or was started anew elsewhere
            client = await self.entrance.client(anew=True)
            try:
                answer = await client.request(method, f"/{path}", **about)
            except httpx.TransportError:
                raise ToolError(UNREACHABLE.format(where=self.entrance.address)) from None
        if answer.status_code < 400:
            return answer
        raise Problem(answer.status_code, _body(answer))


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"detail": f"HTTP {answer.status_code}, and not as a coordinator does"}
