"""`pilotage up`: the coordinator - API, worker, messages, and the embedded engine unless TEMPORAL_ADDRESS names one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
import uvicorn

from pilotage.comms import Comms
from pilotage.coordinator import Coordinator
from pilotage.core.errors import PilotageError
from pilotage.engine.embedded import EmbeddedServer
from pilotage.engine.journals import keep_clean
from pilotage.engine.temporal import TemporalEngine, activities, connect_when_up, worker
from pilotage.keeper import keep
from pilotage.merging import merge
from pilotage.paths import coordinator_note
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.settings import Settings
from pilotage.store import Store, open_store

log = structlog.get_logger()


class AlreadyUp(PilotageError):
    pass


class _Server(uvicorn.Server):
    """Leaves the signals to us: the worker and the engine have to end with it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(state: Path, settings: Settings, port: int = 0) -> None:
    """`port` other than 0 counts more than the settings'. Serves until SIGTERM, SIGINT or a shutdown request.

    Raises AlreadyUp when another one holds the state folder.
    """
    with (state / "coordinator.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyUp(f"a coordinator already runs on {state}; `pilotage doctor` shows it") from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        store = open_store(state)
        try:
            asyncio.run(_serve(state, store, settings, port))
        finally:
            store.close()


async def _serve(state: Path, store: Store, settings: Settings, port: int) -> None:
    address = os.environ.get("TEMPORAL_ADDRESS")
    embedded = None if address else EmbeddedServer(state)
    if embedded is not None:
        await embedded.ensure()
        address = embedded.address
    assert address is not None
    client = await connect_when_up(address)
    engine = TemporalEngine(client)
    coordinator = Coordinator(store, engine, state, settings=settings)
    health = Health(coordinator, store, state, address, lambda: embedded.pid if embedded else 0)
    work = activities(store, state)
    token = secrets.token_urlsafe(32)
    listener = _listen(settings, port)
    app = create_app(coordinator, health, token)
    config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)
    server = _Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, health.stop)
    tasks = [
        asyncio.create_task(worker(client, work).run()),
        asyncio.create_task(Comms(store, state).follow()),
        asyncio.create_task(server.serve(sockets=[listener])),
        asyncio.create_task(health.stopping.wait()),
        asyncio.create_task(keep_clean(store, state)),
        asyncio.create_task(keep(coordinator)),
    ]
    if embedded is not None:
        tasks.append(asyncio.create_task(embedded.supervise()))
    await coordinator.recover()
    tasks.append(asyncio.create_task(merge(coordinator)))
    _announce(state, listener.getsockname()[1], token)
    log.info("the coordinator is up", port=listener.getsockname()[1], engine=address)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    coordinator_note(state).unlink(missing_ok=True)
    failures = [failure for task in done if not task.cancelled() and (failure := task.exception())]
    app.state.hub.close()
    server.should_exit = True
    for task in tasks:
        if task is not tasks[2]:
            task.cancel()
    with suppress(Exception):
        await asyncio.wait(tasks, timeout=5)
    await work.close()
    if embedded is not None:
        await embedded.stop()
    if failures:
        raise failures[0]


def _listen(settings: Settings, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, port or settings.port))
    return listener


def _announce(state: Path, port: int, token: str) -> None:
    note = coordinator_note(state)
    temporary = note.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": f"http://127.0.0.1:{port}", "token": token, "pid": os.getpid(), "since": time.time()}, file)
    temporary.replace(note)
