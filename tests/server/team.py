"""The service of a team in this process, with people, tokens and a clock of its own. Nothing runs: the engine notes
what it was told, and writes what would come of it."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from pilotage.coordinator import Coordinator
from pilotage.core import events as ev
from pilotage.core.errors import Refused
from pilotage.core.events import Recorded
from pilotage.core.people import Caller, Grant, Role, Scope
from pilotage.core.state import Command, check_command, fold
from pilotage.credentials import Credentials, Wanted
from pilotage.engine import Engine, Order, Outcome, Start
from pilotage.server.access import Access
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.server.sessions import csrf_of
from pilotage.settings import Settings
from pilotage.store import Store, audit, open_store, people, queries
from tests.stage import Stage

URL = "https://pilotage.shop.example"
HERE = "the token of the state folder"
ALL = tuple(Scope)
ROLES = [
    {"who": ["vic@shop.example"], "role": "viewer"},
    {"who": ["olga@shop.example", "group:payment-team"], "role": "operator"},
    {"who": ["amir@shop.example", "anna@shop.example"], "role": "approver"},
    {"who": ["root@shop.example"], "role": "admin"},
]
WAITS = (
    "[{weight: 10%, watch: 3s, approval: true}, {weight: 50%, watch: 2s, approval: true}, {weight: 100%, watch: 2s}]"
)


class Hands:
    """A clock in the test's hands."""

    def __init__(self) -> None:
        self.at = 1_790_000_000.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Noting:
    """An engine that only writes down what it was told."""

    store: Store
    hands: Hands
    orders: list[tuple[str, Order]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    async def start(self, start: Start) -> None:
        self.started.append(start.rollout)
        await self.tell(start.rollout, ev.RolloutStarted("a test"))

    async def tell(self, rollout: str, event: ev.Event, by: str = "pilotage") -> None:
        number = fold(await self.store.run(queries.events_of, rollout)).next_number
        await self.store.run(queries.append_event, Recorded(rollout, number, self.hands.now(), by, event))

    async def command(self, rollout: str, order: Order) -> Outcome:
        state = fold(await self.store.run(queries.events_of, rollout))
        check_command(state.status, order.command)
        if order.command is Command.APPROVE and order.phase not in (None, state.asked_phase):
            raise Refused("another phase waits")
        self.orders.append((rollout, order))
        if order.command is Command.APPROVE:
            await self.tell(rollout, ev.Approved(order.phase or 0, order.reason), order.by)
            await self.tell(rollout, ev.WatchStarted(order.phase or 0, 3.0))
        return Outcome(state.status, True, "noted")

    async def is_running(self, rollout: str) -> bool:
        return True

    async def close(self) -> None:
        return None


@dataclass
class Team:
    folder: Path
    coordinator: Coordinator
    engine: Noting
    hands: Hands
    app: Any
    access: Access
    stage: Stage

    def client(self, token: str = "", address: str = "192.0.2.7", **more: Any) -> httpx.AsyncClient:
        """`token`: in the header, as the API wants it. `more`: headers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = self.access.settings.url or "http://127.0.0.1:8700"
        transport = httpx.ASGITransport(app=self.app, client=(address, 40_000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=base, headers={**headers, **more})

    async def token(self, name: str, *scopes: Scope, lasts_s: float = 86400.0, groups: tuple[str, ...] = ()) -> str:
        """Of a person, as whoever has the state folder makes it."""
        caller = Caller("tester", "local", (Grant(Role.ADMIN),))
        wanted = Wanted("person", scopes or ALL, lasts_s, name)
        _, secret = await self.credentials.make(caller, wanted)
        if groups:
            await self.coordinator.store.run(people.regroup, name, groups)
        return secret

    async def machine(self, name: str, kind: str = "token", role: Role = Role.ADMIN, *scopes: Scope) -> str:
        caller = Caller("root@shop.example", "person", (Grant(Role.ADMIN),))
        fitting = scopes or (ALL if kind == "token" else (Scope.READ, Scope.WRITE, Scope.ROLLBACK))
        wanted = Wanted(cast(Any, kind), fitting, 86400.0, name, (Grant(role),))
        _, secret = await self.credentials.make(caller, wanted)
        return secret

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.coordinator.store, self.hands.now, self.coordinator.settings)

    async def session(self, name: str, groups: tuple[str, ...] = (), lasts_s: float = 43200.0) -> httpx.AsyncClient:
        """A browser that has logged in; it sends the CSRF value with each change, as our own pages do."""
        cookie = f"a cookie of {name} {secrets.token_hex(8)}"
        about = (cookie, name, groups, "person", self.hands.now(), self.hands.now() + lasts_s)
        await self.coordinator.store.run(people.begin_session, *about)
        browser = self.client(Origin=self.access.settings.url, **{"X-CSRF-Token": csrf_of(cookie)})
        browser.cookies.set(self.access.cookie, cookie)
        return browser

    def plan(self, more: str = "", phases: str = WAITS, **other: Any) -> dict[str, Any]:
        body = self.stage.plan(more=more, phases=phases, **other)
        del body["by"]
        return body

    async def rollout(self, by: str = "olga@shop.example", service: str = "shop") -> str:
        """Under way, in phase 0, which waits for an approval."""
        token = await self.token(by)
        async with self.client(token) as client:
            answer = await client.post("/v1/rollouts", json=self.plan(service=service))
        assert answer.status_code == 201, answer.text
        rollout = str(answer.json()["id"])
        await self.asks(rollout, 0)
        return rollout

    async def asks(self, rollout: str, phase: int) -> None:
        await self.engine.tell(rollout, ev.PhaseStarted(phase, f"phase {phase}", 10.0))
        await self.engine.tell(rollout, ev.ApprovalRequested(phase, f"phase {phase}"))

    async def log(self) -> list[tuple[str, str, str, str]]:
        """What people did or tried: by, kind, what, outcome; the newest first."""
        found = await self.coordinator.store.run(audit.newest, None, 1000)
        kept = [one.entry for one in found if one.entry.kind != audit.EVENT]
        return [(one.by, one.kind, one.what, one.outcome) for one in kept]


def settings(**more: Any) -> Settings:
    told = {"url": URL, "login": {}, "roles": ROLES, "limits": {"logins_per_minute": 1000}}
    return Settings.model_validate({**told, **more})


_EMPTY: list[bytes] = []


def _migrated(state: Path) -> None:
    """An empty store, made once: each takes a second to be brought up to date."""
    if not _EMPTY:
        open_store(state).close()
        for left in ("pilotage.db-wal", "pilotage.db-shm"):
            assert not (state / left).exists(), left
        _EMPTY.append((state / "pilotage.db").read_bytes())
    (state / "pilotage.db").write_bytes(_EMPTY[0])


@asynccontextmanager
async def team(folder: Path, rules: Settings | None = None) -> AsyncIterator[Team]:
    """`rules`: the settings; those of a team with `ROLES` when left out."""
    state = folder / "state"
    state.mkdir()
    await asyncio.to_thread(_migrated, state)
    store = await asyncio.to_thread(open_store, state)
    hands, stage = Hands(), Stage(folder)
    engine = Noting(store, hands)
    about = {"clock": hands, "settings": settings(folders=[str(folder)]) if rules is None else rules}
    coordinator = Coordinator(store, cast(Engine, engine), state, **about)
    app = create_app(coordinator, Health(coordinator, store, state, "", lambda: 0), HERE)
    try:
        yield Team(folder, coordinator, engine, hands, app, app.state.access, stage)
    finally:
        threading.Thread(target=stage.close, daemon=True).start()  # it takes half a second to hear of it
        store.close()
