"""The service: the API, and the pages for people. Errors are problem+json."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

import pilotage
from pilotage.coordinator import Coordinator
from pilotage.server import hooks
from pilotage.server.access import Access
from pilotage.server.api import ROUTERS
from pilotage.server.api.openapi import describe
from pilotage.server.guards import add_guards
from pilotage.server.health import Health
from pilotage.server.hub import Hub
from pilotage.server.login import add_login
from pilotage.server.mcp import add_mcp
from pilotage.server.observed import Observed
from pilotage.server.pages import add_pages
from pilotage.server.problems import add_handlers
from pilotage.server.routing import serve
from pilotage.server.slack import add_slack


def create_app(coordinator: Coordinator, health: Health, token: str) -> FastAPI:
    """`token` is the one of the state folder, for the command line on this machine."""
    app = FastAPI(title="Pilotage", version=pilotage.__version__, docs_url=None, redoc_url=None)
    access = app.state.access = Access(coordinator, token)
    app.state.health = health
    app.state.silences = {}
    app.state.answering = set()
    app.state.simulating = asyncio.Lock()
    app.state.hub = Hub(coordinator.store)
    serve(app, (*ROUTERS, hooks.router))
    add_pages(app)
    add_login(app, access)
    add_slack(app, access)
    add_mcp(app, access)
    add_guards(app, access)
    add_handlers(app)
    app.add_middleware(Observed, streams=health.streams)  # the last one added is the first that sees a request
    describe(app)
    return app
