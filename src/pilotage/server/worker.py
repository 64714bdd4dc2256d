"""`pilotage worker`: watches and acts beside a coordinator, for a Temporal and a store that both of them name."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog

from pilotage.core.errors import PilotageError
from pilotage.engine.temporal import activities, connect_when_up, worker
from pilotage.server.logs import configure
from pilotage.store import Store, open_store
from pilotage.tracing.switch import switch_on

log = structlog.get_logger()


def run(state: Path) -> None:
    """Works until SIGTERM or SIGINT. Raises PilotageError when TEMPORAL_ADDRESS is missing or does not answer."""
    address = os.environ.get("TEMPORAL_ADDRESS")
    if not address:
        raise PilotageError(
            "a worker needs TEMPORAL_ADDRESS (host:port of the Temporal that the coordinator uses too); "
            "without one, `pilotage up` works by itself"
        )
    configure()
    store = open_store(state)
    try:
        asyncio.run(_work(address, store, state))
    finally:
        store.close()


async def _work(address: str, store: Store, state: Path) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    end_traces = switch_on()
    work = activities(store, state)
    working = asyncio.create_task(worker(await connect_when_up(address), work).run())
    waiting = asyncio.create_task(stopping.wait())
    log.info("the worker is up", engine=address)
    await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
    failure = working.exception() if working.done() else None
    for task in (working, waiting):
        task.cancel()
    await asyncio.wait([working, waiting], timeout=5)
    await work.close()
    await end_traces()
    if failure is not None:
        raise failure
