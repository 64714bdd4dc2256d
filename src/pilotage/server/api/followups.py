"""The API of what comes after a rollout."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import rollouts as shapes
from pilotage.server.api.models.asked import Item, Rollout
from pilotage.server.api.paging import LINK, MOST, Cursor, Limit, sliced

router = APIRouter(prefix="/v1", tags=["follow-ups"], route_class=Keyed)


@router.get(
    "/followups",
    operation_id="listFollowUps",
    summary="Those that are open, by due time",
    **told(list[shapes.FollowUp], success=LINK),
)
async def open_ones(acting: ByToken, request: Request, limit: Limit = MOST, cursor: Cursor = "") -> JSONResponse:
    found = [
        one for one in await acting.coordinator.aftercare.open() if acting.sees(one["service"], one["environment"])
    ]
    return sliced(request, found, limit, cursor, _key)


@router.get(
    "/rollouts/{rollout}/followups",
    operation_id="listFollowUpsOf",
    summary="All of one rollout",
    **told(list[shapes.FollowUp], 404, success=LINK),
)
async def of(
    acting: ByToken, request: Request, rollout: Rollout, limit: Limit = MOST, cursor: Cursor = ""
) -> JSONResponse:
    found = await acting.coordinator.aftercare.of(await acting.rollout(rollout))
    return sliced(request, found, limit, cursor, _key)


@router.post(
    "/rollouts/{rollout}/followups/{item}/done",
    operation_id="settleFollowUp",
    summary="Note one as done",
    **told(shapes.FollowUpNoted, 404, 409, 503),
)
async def done(acting: ByToken, rollout: Rollout, item: Item, asked: shapes.DoneRequest) -> JSONResponse:
    name = await acting.resolved(rollout)
    said = await acting.named(asked.by).settle(name, item, asked.note)
    return answer({"id": name, "message": said})


def _key(row: dict[str, Any]) -> str:
    return f"{row['rollout']}/{row['id']}"
