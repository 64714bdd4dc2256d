"""The service at a real port, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from pilotage.server.listening import configs, listen
from pilotage.settings import Settings


@asynccontextmanager
async def serving(app: Any, settings: Settings, port: int) -> AsyncIterator[str]:
    """Its address."""
    listeners = listen(settings, port)
    server = uvicorn.Server(configs(app, settings)[0])
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listeners.public]))
    while not server.started:
        assert not task.done(), task
        await asyncio.sleep(0.01)
    try:
        scheme = "https" if settings.tls else "http"
        yield f"{scheme}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
