"""The audit log, and whether it is as it was written."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from pilotage.core.people import Right
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.store import audit

router = pages_router()
SHOWN = 100
Search = Annotated[str, Query(max_length=200)]


@router.get("/audit")
async def entries(
    request: Request,
    acting: BySession,
    by: Search = "",
    object: Search = "",
    before: Annotated[int | None, Query(ge=1)] = None,
    verify: bool = False,
) -> HTMLResponse:
    """For whoever may see everything, as in the API."""
    acting.caller.check(Right.VIEW)
    store = acting.coordinator.store
    found = await store.run(audit.newest, before, SHOWN + 1, by.strip(), object.strip())
    verified = await store.read_beside(audit.verify) if verify else None
    rows = [{"number": one.number, "of_event": one.entry.kind == audit.EVENT, **vars(one.entry)} for one in found]
    return page(
        request,
        "audit.html",
        rows=rows[:SHOWN],
        older=found[SHOWN - 1].number if len(found) > SHOWN else None,
        by=by,
        object=object,
        verified=verified,
    )
