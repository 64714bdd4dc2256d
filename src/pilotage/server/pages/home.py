"""Rollouts, now and before: what waits for a person first, what is closed, what runs, then the rest page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from pilotage.acting import Acting
from pilotage.core.errors import WrongRequest
from pilotage.core.people import Right
from pilotage.core.state import Status
from pilotage.server.api.paging import next_page, read_cursor
from pilotage.server.pages.live.headline import TONES
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.store.listing import Wanted

router = pages_router()

AT_ONCE = 25
MOST_RUNNING = 200
Search = Annotated[str, Query(max_length=100)]


@router.get("/")
async def home(
    request: Request,
    acting: BySession,
    service: Search = "",
    environment: Search = "",
    status: Search = "",
    q: Search = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> HTMLResponse:
    """Running ones are all shown on the first page; filters and search go through those that have ended, too."""
    asked = Wanted(service.strip(), environment.strip(), _status(status), None, q.strip())
    filtered = asked != Wanted()
    after = read_cursor(request, cursor, float, str)
    running: list[dict[str, Any]] = []
    if not filtered and after is None:
        found, _ = await acting.coordinator.listing.rollouts(acting.places, Wanted(active=True), None, MOST_RUNNING)
        running = _with_tones(found)
    wanted = asked if filtered else Wanted(active=False)
    rows, mark = await acting.coordinator.listing.rollouts(acting.places, wanted, after, AT_ONCE)
    return page(
        request,
        "home.html",
        running=running,
        rows_found=_with_tones(rows),
        older=next_page(request, mark) if mark else "",
        later=after is not None,
        filtered=filtered,
        asked={"service": service, "environment": environment, "status": status, "q": q},
        statuses=[one.value for one in Status],
        **(await _above(acting, running) if not filtered and after is None else _NOTHING),
    )


_NOTHING: dict[str, Any] = {"waiting": [], "approvals": [], "plans": [], "freezes": [], "locks": []}


async def _above(acting: Acting, running: list[dict[str, Any]]) -> dict[str, Any]:
    """What waits for a person, and what is closed."""
    coordinator, sees = acting.coordinator, acting.sees
    at = coordinator.clock.now()
    plans = [one for one in await coordinator.desk.plans() if sees(one["service"], one["environment"])]
    asked = await coordinator.desk.approvals.waiting()
    known = {one["id"]: one for one in plans}
    return {
        "waiting": [one for one in running if coordinator.listing.states[one["id"]].needs_person],
        "approvals": [
            {"asked": one, "may": acting.caller.may(Right.APPROVE, one.service, one.environment)}
            for one in asked
            if sees(one.service, one.environment) and one.subject in known
        ],
        "plans": plans,
        "freezes": [
            {"freeze": one, "begun": one.begins <= at}
            for one in await coordinator.gates.freezes()
            if _sees_some(acting, one.service, one.environment)
        ],
        "locks": [one for one in await coordinator.gates.locks() if sees(one.service, one.environment)],
    }


def _sees_some(acting: Acting, service: str, environment: str) -> bool:
    """A freeze of every service or environment concerns whoever sees one of them."""
    return any(
        grant.service in ("*", service) or not service
        for grant in acting.caller.grants
        if grant.environment in ("*", environment) or not environment
    )


def _status(name: str) -> Status | None:
    if not name:
        return None
    try:
        return Status(name)
    except ValueError:
        raise WrongRequest(f"status: expected one of {', '.join(Status)}, got {name!r}") from None


def _with_tones(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"tone": TONES[row["status"]]} for row in rows]
