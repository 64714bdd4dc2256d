"""Plans that wait to be started."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from pilotage.core.people import Right
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession

router = pages_router()


@router.get("/plans")
async def plans(request: Request, acting: BySession) -> HTMLResponse:
    """What is overdue first, then the newest."""
    found = [one for one in await acting.coordinator.desk.plans() if acting.sees(one["service"], one["environment"])]
    found.sort(key=lambda one: (not one["overdue"], -one["registered_at"]))
    waiting = [one for one in await acting.coordinator.desk.approvals.waiting() if one.phase < 0]
    return page(
        request,
        "plans.html",
        plans=found,
        asked={one.subject for one in waiting},
        may_write=acting.caller.may_somewhere(Right.OPERATE),
    )
