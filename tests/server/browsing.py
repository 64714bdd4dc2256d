"""Somebody with a browser: a session's cookie, and the second value that only our own pages carry."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx

from pilotage.core.people import Kind
from pilotage.store import people
from tests.server.world import World


class Browser:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.csrf = ""

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text[:2000]
        found = re.search(r'name="csrf" content="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer.text

    async def post(self, path: str, script: bool = False, **fields: str) -> httpx.Response:
        headers = {"HX-Request": "true", "X-CSRF-Token": self.csrf} if script else {}
        return await self.client.post(path, data=fields if script else {"csrf": self.csrf, **fields}, headers=headers)


@asynccontextmanager
async def browser(world: World, name: str = "", groups: tuple[str, ...] = ()) -> AsyncIterator[Browser]:
    """Without a name: whoever sits at this machine, as in local mode. With one: somebody who has logged in."""
    transport = httpx.ASGITransport(world.app, raise_app_exceptions=False)
    now, kind = world.clock.now(), "person" if name else "local"
    cookies = {world.app.state.access.cookie: secrets.token_hex(8)}
    (cookie,) = cookies.values()
    about = (name or "root", groups, cast(Kind, kind), now, now + 3600)
    await world.store.run(people.begin_session, cookie, *about)
    base = "http://127.0.0.1:8000"
    async with httpx.AsyncClient(transport=transport, base_url=base, cookies=cookies, follow_redirects=True) as client:
        found = Browser(client)
        await found.get("/")
        yield found
