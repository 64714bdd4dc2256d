"""The app in this process with hooks in its settings, rollouts and plans made by hand, and what tools send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from pilotage.coordinator import Coordinator
from pilotage.core import events as ev
from pilotage.core.model import Plan
from pilotage.core.preparing import Item, Part, Preparation
from pilotage.core.state import Command, check_command, fold
from pilotage.engine import Order, Outcome
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.settings import Settings
from pilotage.store import Store, audit, known, open_store, queries
from tests.comms.world import OwnClock
from tests.core.worlds import plan as bare_plan

SECRET = "a secret of twenty characters or so"
BUILD = Item("build", Part.TECHNICAL, "The build is green")
LOOKED_UP = Item("build", Part.TECHNICAL, "The build is green", check="command")


@dataclass
class Obeying:
    """An engine that does what it is told at once: the event of each command, where the state accepts it."""

    store: Store
    clock: OwnClock
    orders: list[Order] = field(default_factory=list)

    async def command(self, rollout: str, order: Order) -> Outcome:
        record = await self.store.run(queries.events_of, rollout)
        state = fold(record)
        check_command(state.status, order.command)
        events: dict[Command, ev.Event] = {
            Command.HOLD: ev.Held(state.phase, order.reason),
            Command.REPORT_TROUBLE: ev.TroubleReported(state.phase, order.reason),
            Command.ROLLBACK: ev.RolledBack(order.reason, 0.1),
        }
        event = ev.Recorded(rollout, len(record), self.clock.now(), order.by, events[order.command])
        await self.store.run(queries.append_event, event)
        self.orders.append(order)
        return Outcome(state.status, True, "done")


@dataclass
class HookWorld:
    store: Store
    clock: OwnClock
    engine: Obeying
    client: httpx.AsyncClient

    async def rollout(self, name: str, service: str = "shop", environment: str = "production") -> None:
        """One that watches its first phase."""
        plan = replace(bare_plan(), service=service, environment=environment)
        await self.store.run(queries.create_rollout, name, plan, "", "ann", "why", self.clock.now())
        await self.happened(name, ev.RolloutStarted("why"), ev.PhaseStarted(0, "10 %", 10.0), ev.WatchStarted(0, 60.0))

    async def happened(self, name: str, *happened: ev.Event) -> None:
        record = await self.store.run(queries.events_of, name)
        for number, event in enumerate(happened, start=len(record)):
            await self.store.run(queries.append_event, ev.Recorded(name, number, self.clock.now(), "ann", event))

    async def plan(self, version: str, *items: Item, service: str = "shop", environment: str = "production") -> str:
        preparation = Preparation(checklist=items or (BUILD,))
        about = {"service": service, "environment": environment, "version": version}
        digest = hashlib.sha256(repr((about, items)).encode()).hexdigest()
        plan: Plan = replace(bare_plan(), **about, preparation=preparation, digest=f"sha256:{digest}")
        return await self.store.run(known.register, plan, "", "plan.yaml", "ann", self.clock.now())

    async def record(self, name: str) -> list[ev.Event]:
        return [one.event for one in await self.store.run(queries.events_of, name)]

    async def audited(self) -> list[tuple[str, str, str]]:
        return [
            (one.entry.by, one.entry.what, one.entry.outcome)
            for one in await self.store.run(audit.newest)
            if one.entry.kind == "hook"
        ]

    async def send(self, name: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """With the secret as a bearer token, unless `headers` say otherwise."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {SECRET}"} if headers is None else headers
        return await self.client.post(f"/v1/hooks/{name}", content=content, headers=given)


@contextmanager
def hook_world(folder: Path, **hooks: dict[str, Any]) -> Iterator[HookWorld]:
    """`hooks` by name, their secret is SECRET; the environment variable HOOK_SECRET has it."""
    rows = {name.replace("_", "-"): {"secret": {"env": "HOOK_SECRET"}, **one} for name, one in hooks.items()}
    store, clock = open_store(folder), OwnClock()
    engine = Obeying(store, clock)
    coordinator = Coordinator(
        store, engine, folder, clock, Settings.model_validate({"hooks": rows, "limits": {"logins_per_minute": 40}})
    )  # type: ignore[arg-type]
    app = create_app(coordinator, Health(coordinator, store, folder, "", lambda: 0), "the-token-of-the-state-folder")
    transport = httpx.ASGITransport(app=app)
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
    yield HookWorld(store, clock, engine, client)
    store.close()


def github(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """As GitHub signs."""
    signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={signed}", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}


def standard(body: bytes, at: float, message: str = "msg_1", key: bytes = SECRET.encode()) -> dict[str, str]:
    signed = f"{message}.{int(at)}.".encode() + body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message, "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,{made}"}
