"""The service in this process: the real app on a real store; an engine that runs nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from pilotage.coordinator import Coordinator
from pilotage.core.errors import NotFound
from pilotage.core.people import Grant, Kind, Role, Scope
from pilotage.engine import Aftermath, Order, Outcome, Settled, Start
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.server.neighbours import Neighbours, Place
from pilotage.settings import Settings
from pilotage.store import Store, open_store, people
from pilotage.store.people import Token
from tests.server.records import AT

LOCAL = "the-token-of-the-state-folder"


class OwnClock:
    def __init__(self, now: float = AT + 3600) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


class Idle:
    """Notes what it was asked, and says what the test told it to say."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.orders: list[tuple[str, Order]] = []
        self.outcomes: list[Outcome | Exception] = []

    async def start(self, start: Start) -> None:
        self.starts.append(start)

    async def command(self, rollout: str, order: Order) -> Outcome:
        self.orders.append((rollout, order))
        if not self.outcomes:
            raise NotFound(f"nothing runs {rollout}")
        found = self.outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> None: ...

    async def note_direct(self, rollout: str, event: Any, by: str) -> None: ...

    async def is_running(self, rollout: str) -> bool:
        return False

    async def follow_up(self, aftermath: Aftermath) -> None: ...

    async def settle(self, rollout: str, settled: Settled) -> str:
        return f"{settled.item} is noted as done"

    async def answers(self) -> bool:
        return True

    async def has_worker(self) -> bool:
        return True

    async def close(self) -> None: ...


class Owner(Neighbours):
    """A request in this process has no connection that the kernel could look up: it is ours."""

    async def uid(self, client: Place | None, server: Place | None) -> int | None:
        return os.getuid()


class World:
    def __init__(self, state: Path, store: Store, settings: Settings | None = None) -> None:
        self.folder, self.store = state, store
        self.clock, self.engine = OwnClock(), Idle()
        self.coordinator = Coordinator(store, self.engine, state, self.clock, settings or Settings())
        self.app: FastAPI = create_app(self.coordinator, Health(self.coordinator, store, state, "", lambda: 0), LOCAL)
        self.app.state.access.neighbours = Owner()

    def client(self, token: str = LOCAL) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)

    async def token(
        self, name: str, *grants: Grant, kind: Kind = "token", scopes: tuple[Scope, ...] = tuple(Scope)
    ) -> str:
        """The secret of a new token for it."""
        now = self.clock.now()
        about = Token(name[:16], name, kind, (), grants or (Grant(Role.ADMIN),), scopes, "", "ann", now, now + 1e6)
        return await self.store.run(people.add_token, about)


@asynccontextmanager
async def world(state: Path, settings: Settings | None = None) -> AsyncIterator[World]:
    store = open_store(state)
    try:
        yield World(state, store, settings)
    finally:
        store.close()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a port of this machine, for what a client in this process cannot see; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.hub.close()
        server.should_exit = True
        await asyncio.wait_for(serving, 10)
        listener.close()
