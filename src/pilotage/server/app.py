"""The service: the API, and the pages for people. Errors are problem+json."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

import pilotage
from pilotage.coordinator import Coordinator
from pilotage.server.access import Access
from pilotage.server.api import ROUTERS
from pilotage.server.api.openapi import describe
from pilotage.server.health import Health
from pilotage.server.hub import Hub
from pilotage.server.pages import add_pages
from pilotage.server.problems import add_handlers


def create_app(coordinator: Coordinator, health: Health, token: str) -> FastAPI:
    """`token` is the one of the state folder, for the command line on this machine."""
    app = FastAPI(title="Pilotage", version=pilotage.__version__, docs_url=None, redoc_url=None)
    app.state.access = Access(coordinator, token)
    app.state.health = health
    app.state.silences = {}
    app.state.answering = set()
    app.state.simulating = asyncio.Lock()
    app.state.hub = Hub(coordinator.store)
    for router in ROUTERS:
        app.include_router(router)
    add_pages(app)
    add_handlers(app)
    describe(app)
    return app
