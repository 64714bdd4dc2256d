"""The API of freezes and locks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.core.people import ANY
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import plans as shapes
from pilotage.server.api.models.asked import NAME, Said
from pilotage.server.api.paging import LINK, MOST, Cursor, Limit, sliced
from pilotage.store.gates import Freeze

router = APIRouter(prefix="/v1", tags=["freezes and locks"], route_class=Keyed)
All = Annotated[bool, Query(description="also those of the past, the newest first")]


@router.get(
    "/freezes", operation_id="listFreezes", summary="In force, or to come", **told(list[shapes.Freeze], success=LINK)
)
async def freezes(
    acting: ByToken, request: Request, all: All = False, limit: Limit = MOST, cursor: Cursor = ""
) -> JSONResponse:
    """Those that touch something you may see."""
    found = [one for one in await acting.coordinator.gates.freezes(all) if _touches(one, acting.places)]
    return sliced(request, [to_data(one) for one in found], limit, cursor, lambda row: str(row["id"]))


def _touches(freeze: Freeze, places: tuple[tuple[str, str], ...]) -> bool:
    def same(frozen: str, place: str) -> bool:
        return not frozen or place == ANY or frozen == place

    return any(same(freeze.service, one) and same(freeze.environment, other) for one, other in places)


@router.post("/freezes", operation_id="freeze", summary="Let nothing start", **told(shapes.Freeze, 409, status=201))
async def freeze(acting: ByToken, asked: shapes.FreezeRequest) -> JSONResponse:
    """A rollout that runs is not touched."""
    what = (asked.service, asked.environment, asked.reason, asked.begins, asked.ends)
    return answer(dict(to_data(await acting.named(asked.by).freeze(*what))), 201)


@router.post("/freezes/{freeze}/lift", operation_id="liftFreeze", summary="Lift it", **told(shapes.Named, 404, 409))
async def lift(
    acting: ByToken, freeze: Annotated[str, Path(max_length=32, pattern=NAME, description="its id")], asked: Said
) -> JSONResponse:
    await acting.named(asked.by).unfreeze(freeze, asked.reason)
    return answer({"id": freeze})


@router.get("/locks", operation_id="listLocks", summary="Those that are held", **told(list[shapes.Lock], success=LINK))
async def locks(
    acting: ByToken, request: Request, all: All = False, limit: Limit = MOST, cursor: Cursor = ""
) -> JSONResponse:
    found = await acting.coordinator.gates.locks(all)
    rows = [to_data(one) for one in found if acting.sees(one.service, one.environment)]
    return sliced(request, rows, limit, cursor, _lock)


def _lock(row: dict[str, Any]) -> str:
    return f"{row['service']} {row['environment']} {row['since']}"


@router.post("/locks", operation_id="lock", summary="Keep a service to yourself", **told(shapes.Lock, 409, status=201))
async def lock(acting: ByToken, asked: shapes.LockRequest) -> JSONResponse:
    taken = await acting.named(asked.by).lock(asked.service, asked.environment, asked.reason)
    return answer(dict(to_data(taken)), 201)


@router.post("/locks/release", operation_id="unlock", summary="Release it", **told(shapes.Place, 404, 409))
async def unlock(acting: ByToken, asked: shapes.LockRequest) -> JSONResponse:
    await acting.named(asked.by).unlock(asked.service, asked.environment, asked.reason)
    return answer({"service": asked.service, "environment": asked.environment})
