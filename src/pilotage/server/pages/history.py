"""How deliveries went: the figures with what they mean, and their trends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from pilotage.deliveries import Filters
from pilotage.server.pages.shell import moment, page, pages_router
from pilotage.server.pages.trends import deployments, failure_rates
from pilotage.server.sessions import BySession

router = pages_router()
WINDOWS = (30, 90, 365)


@router.get("/history")
async def history(
    request: Request,
    acting: BySession,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    service: Annotated[str, Query(max_length=64)] = "",
    environment: Annotated[str, Query(max_length=64)] = "",
) -> HTMLResponse:
    now = acting.coordinator.clock.now()
    told = await acting.coordinator.telling.history(Filters(days, service, environment), now, acting.sees)
    shown: list[dict[str, Any]] = [told["all"], *(told["services"] if len(told["services"]) > 1 else [])]
    for one in shown:
        one["weeks"] = [{**week, "name": moment(week["begin"])[5:10]} for week in one["weeks"]]
        one["charts"] = [Markup(draw(one["weeks"])) for draw in (deployments, failure_rates)]  # noqa: S704 (our own)
    return page(request, "history.html", told=told, windows=WINDOWS, shown=shown)
