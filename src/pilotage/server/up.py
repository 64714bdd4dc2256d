"""`pilotage up`: the coordinator - API, worker, messages, and the embedded engine unless TEMPORAL_ADDRESS names one."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
import uvicorn

from pilotage.chat import Follower, told_by_app
from pilotage.comms import Comms
from pilotage.coordinator import Coordinator
from pilotage.core.errors import PilotageError
from pilotage.core.model import Channel, Plan
from pilotage.engine.embedded import EmbeddedServer
from pilotage.engine.journals import keep_clean
from pilotage.engine.temporal import TemporalEngine, activities, connect_when_up, worker
from pilotage.keeper import keep
from pilotage.merging import merge
from pilotage.paths import coordinator_note
from pilotage.server.access import Access
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.server.listening import ANSWERED_WITHIN_S, configs, listen
from pilotage.server.logs import configure
from pilotage.settings import Settings
from pilotage.store import Store, open_store
from pilotage.telemetry import measure_lag
from pilotage.tracing.switch import switch_on
from pilotage.webhooks import Webhooks

log = structlog.get_logger()

LONGEST_DRAIN_S = 60.0


class AlreadyUp(PilotageError):
    pass


class _Server(uvicorn.Server):
    """Leaves the signals to us: the worker and the engine have to end with it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(state: Path, settings: Settings, port: int = 0, again: Callable[[], Settings] | None = None) -> None:
    """`port` other than 0 counts more than the settings'; `again` reads these anew, at SIGHUP.

    Serves until SIGTERM, SIGINT or a shutdown request. Raises AlreadyUp when another one holds the state folder.
    """
    configure()
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
            asyncio.run(_serve(state, store, settings, port, again))
        finally:
            store.close()


async def _serve(
    state: Path, store: Store, settings: Settings, port: int, again: Callable[[], Settings] | None
) -> None:
    listeners = listen(settings, port)
    address = os.environ.get("TEMPORAL_ADDRESS")
    embedded = None if address else EmbeddedServer(state)
    if embedded is not None:
        await embedded.ensure()
        address = embedded.address
    assert address is not None
    end_traces = switch_on()
    client = await connect_when_up(address)
    engine = TemporalEngine(client)
    coordinator = Coordinator(store, engine, state, settings=settings)
    health = Health(coordinator, store, state, address, lambda: embedded.pid if embedded else 0)
    work = activities(store, state)
    token = secrets.token_urlsafe(32)
    app = create_app(coordinator, health, token)
    public, here = configs(app, settings)
    servers = [(_Server(public), listeners.public)]
    if listeners.local is not None:
        servers.append((_Server(here), listeners.local))
    if again is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reread, app.state.access, again)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, health.stop)
    serving = [asyncio.create_task(server.serve(sockets=[listener])) for server, listener in servers]
    tasks = [
        *serving,
        asyncio.create_task(worker(client, work).run()),
        asyncio.create_task(Comms(store, state, elsewhere=_told_elsewhere(settings)).follow()),
        asyncio.create_task(health.stopping.wait()),
        asyncio.create_task(keep_clean(store, state)),
        asyncio.create_task(keep(coordinator)),
        asyncio.create_task(measure_lag()),
        asyncio.create_task(Webhooks(store, settings).follow()),
    ]
    if settings.slack is not None:
        chat = Follower(store, coordinator.telling, settings.slack, settings.url, coordinator.clock.now)
        tasks.append(asyncio.create_task(chat.follow()))
    if embedded is not None:
        tasks.append(asyncio.create_task(embedded.supervise()))
    await coordinator.recover()
    tasks.append(asyncio.create_task(merge(coordinator)))
    _announce(state, listeners.url, token)
    log.info("the coordinator is up", url=listeners.url, engine=address)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    health.stop()  # from here on it is not ready, whatever ended it
    coordinator_note(state).unlink(missing_ok=True)
    failures = [failure for task in done if not task.cancelled() and (failure := task.exception())]
    app.state.hub.close()
    if not failures:
        await _answer_the_last(health, [server for server, _ in servers], serving)
    for server, _ in servers:
        server.should_exit = True
    for task in tasks:
        if task not in serving:
            task.cancel()
    with suppress(Exception):
        await asyncio.wait(tasks, timeout=5)
    await work.close()
    if embedded is not None:
        await embedded.stop()
    await end_traces()
    if failures:
        raise failures[0]


def reread(access: Access, again: Callable[[], Settings]) -> None:
    """Roles and limits count at once; what else is new counts from the next start on."""
    try:
        whole = access.live.take(again())
    except PilotageError as error:
        log.warning("the settings are as they were, as the file is wrong now", reason=str(error))
        return
    log.info("roles and limits were read anew", rest="" if whole else "other changes count from the next start on")


def _told_elsewhere(settings: Settings) -> Callable[[Plan, Channel], bool]:
    """Which channels of a plan the team's chat tells already."""
    slack = settings.slack
    return lambda plan, channel: slack is not None and told_by_app(slack, plan, channel)


async def _answer_the_last(health: Health, servers: list[_Server], serving: list[asyncio.Task[None]]) -> None:
    """While the worker still works: whoever waits for what a command comes to is told."""
    await asyncio.sleep(_drain_s())
    health.streams.end()
    for server in servers:
        server.should_exit = True
    await asyncio.wait(serving, timeout=ANSWERED_WITHIN_S + 1)


def _drain_s() -> float:
    """So long it goes on answering while /readyz says 503 already: a load balancer needs time to notice."""
    try:
        return min(max(float(os.environ.get("PILOTAGE_DRAIN_S", "") or 0), 0.0), LONGEST_DRAIN_S)
    except ValueError:
        return 0.0


def _announce(state: Path, url: str, token: str) -> None:
    note = coordinator_note(state)
    temporary = note.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": url, "token": token, "pid": os.getpid(), "since": time.time()}, file)
    temporary.replace(note)
