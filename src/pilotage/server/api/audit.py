"""The API of the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.core.people import Right
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.models import system as shapes
from pilotage.server.api.models.asked import Search
from pilotage.server.api.paging import LINK, Cursor, Limit, page, read_cursor
from pilotage.store import audit
from pilotage.store.audit import Numbered

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get(
    "", operation_id="listAudit", summary="The audit log, the newest first", **told(list[shapes.Entry], success=LINK)
)
async def entries(
    acting: ByToken, request: Request, by: Search = "", object: Search = "", limit: Limit = 50, cursor: Cursor = ""
) -> JSONResponse:
    """For whoever may see everything. `object` is a rollout, with its events, a plan, or what else was done
    something with."""
    acting.caller.check(Right.VIEW)
    mark = read_cursor(request, cursor, int)
    before = mark[0] if mark is not None else None
    found = await acting.coordinator.store.run(audit.newest, before, limit + 1, by, object)
    rows = [entry_data(one) for one in found[:limit]]
    return page(request, rows, (found[limit - 1].number,) if len(found) > limit else None)


@router.get("/verify", operation_id="verifyAudit", summary="Is it as it was written?", **told(shapes.Verified))
async def verify(
    acting: ByToken,
    expect: Annotated[
        str, Query(max_length=64, pattern="^[0-9a-f]*$", description="a head that was noted earlier, to be in it")
    ] = "",
) -> JSONResponse:
    """Goes through the whole chain of hashes, and through every event that it seals. Nothing waits for it."""
    acting.caller.check(Right.VIEW)
    found = await acting.coordinator.store.read_beside(audit.verify, expect=expect)
    return answer({**to_data(found), "good": not found.wrong})


def entry_data(one: Numbered) -> dict[str, Any]:
    return {"number": one.number, **to_data(one.entry), "hash": one.hash}
