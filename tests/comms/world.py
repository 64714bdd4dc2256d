"""A store with records made by hand, a clock in the test's hands, and a service that is told over a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pilotage.comms import Comms
from pilotage.core import events as ev
from pilotage.core.model import Channel, DriverRef, Plan, WayBack
from pilotage.store import Store, messages, queries
from tests.core.worlds import plan as bare_plan

NOON = 1_800_014_400.0
"""2027-01-15 12:00 UTC."""


class OwnClock:
    """Sleeping moves it; a moment of real time passes with it, in which sockets are served."""

    def __init__(self, time: float = NOON) -> None:
        self.time = time

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0.002)


@dataclass
class World:
    store: Store
    folder: Path
    clock: OwnClock = field(default_factory=OwnClock)

    def comms(self, within_s: float = 10.0) -> Comms:
        """As a coordinator that was just started."""
        return Comms(self.store, self.folder, self.clock.now, self.clock.sleep, within_s)

    def plan(self, *channels: Channel, templates: str = "") -> Plan:
        return replace(
            bare_plan(), rollback=WayBack(()), notify=channels, directory=str(self.folder), templates=templates
        )

    async def rollout(self, name: str, plan: Plan) -> None:
        service = replace(plan, service=name)
        await self.store.run(queries.create_rollout, name, service, "", "ann", "why", self.clock.now())

    async def happened(self, name: str, *happened: ev.Event) -> None:
        """Appends to the record, a second apart."""
        record = await self.store.run(queries.events_of, name)
        for number, event in enumerate(happened, start=len(record)):
            self.clock.time += 1
            await self.store.run(queries.append_event, ev.Recorded(name, number, self.clock.now(), "ann", event))

    async def told(self, comms: Comms) -> None:
        """One look, and all that comes of it."""
        await comms.look()
        await comms.at_rest()

    async def sent(self, name: str, channel: int = 0) -> list[str]:
        return [one.kind for one in await self.store.run(messages.sent_on, name, channel)]


def console(path: str = "said.log", **options: Any) -> Channel:
    return Channel(DriverRef("console", {"path": path}), **options)


def webhook(url: str, **options: Any) -> Channel:
    return Channel(DriverRef("webhook", {"url": url}), **options)


@dataclass
class Sink:
    """`answer` decides what becomes of a request: its status, and whether an answer is given at all.

    `taken` are the messages in the order in which they were first accepted, `times` how often each came.
    """

    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    attempts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gate: threading.Event = field(default_factory=threading.Event)


@contextmanager
def sink(answer: Callable[[], tuple[int, bool]] = lambda: (204, True)) -> Iterator[Sink]:
    found, lock = Sink(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, answers = answer()
                found.attempts[message["id"]].append(message["attempt"])
                if status < 300:
                    found.times[message["id"]] += 1
                    if found.times[message["id"]] == 1:
                        found.taken.append({**message, "path": self.path})
            if not answers:
                found.gate.wait()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True  # whoever asked has gone

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
