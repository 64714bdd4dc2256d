"""The pages for people: server-rendered, and nothing decided here."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from pilotage.server.pages import (
    approvals,
    audit,
    commands,
    documents,
    drafts,
    followups,
    gates,
    history,
    home,
    people,
    plan,
    plans,
    reports,
    rollout,
)
from pilotage.server.pages.shell import HERE
from pilotage.server.routing import serve
from pilotage.server.sessions import NobodyYet, let_in

ROUTERS: tuple[APIRouter, ...] = (
    home.router,
    rollout.router,
    commands.router,
    reports.router,
    documents.router,
    plans.router,
    drafts.router,
    plan.router,
    history.router,
    followups.router,
    gates.router,
    approvals.router,
    audit.router,
    people.router,
)


def add_pages(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    serve(app, ROUTERS)

    @app.exception_handler(NobodyYet)
    async def nobody(request: Request, error: NobodyYet) -> Response:
        return await let_in(request)
