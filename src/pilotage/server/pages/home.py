"""Rollouts, now and before."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession

router = pages_router()


@router.get("/")
async def home(request: Request, acting: BySession) -> HTMLResponse:
    found = await acting.coordinator.telling.summaries()
    rows = [one for one in found if acting.sees(one["service"], one["environment"])]
    return page(request, "home.html", rollouts=rows)
