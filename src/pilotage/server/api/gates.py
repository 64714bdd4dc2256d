"""The API of freezes and locks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data
from pilotage.server.access import ByToken

LAST_INSTANT = 253_000_000_000.0
"""In the year 9987: later ones cannot be shown."""
router = APIRouter(prefix="/v1", tags=["freezes and locks"])


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128, description="who says so; counts, and is needed, without a login only")
    reason: str = Field(default="", max_length=2000)


class FreezeRequest(_Request):
    """Empty `service` or `environment`: all of them. `begins`, `ends`: Unix seconds; None: from now, until lifted."""

    service: str = Field(default="", max_length=64)
    environment: str = Field(default="", max_length=64)
    begins: float | None = Field(default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False)
    ends: float | None = Field(default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False)


class LockRequest(_Request):
    service: str = Field(min_length=1, max_length=64)
    environment: str = Field(min_length=1, max_length=64)


@router.get("/freezes")
async def freezes(acting: ByToken, all: bool = False) -> list[dict[str, Any]]:
    return [to_data(one) for one in await acting.coordinator.gates.freezes(all)]


@router.post("/freezes", status_code=201)
async def freeze(acting: ByToken, request: FreezeRequest) -> dict[str, Any]:
    what = (request.service, request.environment, request.reason, request.begins, request.ends)
    return dict(to_data(await acting.named(request.by).freeze(*what)))


@router.post("/freezes/{freeze}/lift")
async def lift(acting: ByToken, freeze: str, request: _Request) -> dict[str, str]:
    await acting.named(request.by).unfreeze(freeze, request.reason)
    return {"id": freeze}


@router.get("/locks")
async def locks(acting: ByToken, all: bool = False) -> list[dict[str, Any]]:
    found = await acting.coordinator.gates.locks(all)
    return [to_data(one) for one in found if acting.sees(one.service, one.environment)]


@router.post("/locks", status_code=201)
async def lock(acting: ByToken, request: LockRequest) -> dict[str, Any]:
    return dict(to_data(await acting.named(request.by).lock(request.service, request.environment, request.reason)))


@router.post("/locks/release")
async def unlock(acting: ByToken, request: LockRequest) -> dict[str, str]:
    await acting.named(request.by).unlock(request.service, request.environment, request.reason)
    return {"service": request.service, "environment": request.environment}
