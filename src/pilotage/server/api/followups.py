"""The API of what comes after a rollout."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pilotage.server.access import ByToken

router = APIRouter(prefix="/v1", tags=["follow-ups"])


class DoneRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128)
    note: str = Field(default="", max_length=2000)


@router.get("/followups")
async def open_ones(acting: ByToken) -> list[dict[str, Any]]:
    found = await acting.coordinator.aftercare.open()
    return [one for one in found if acting.sees(one["service"], one["environment"])]


@router.get("/rollouts/{rollout}/followups")
async def of(acting: ByToken, rollout: str) -> list[dict[str, Any]]:
    return await acting.coordinator.aftercare.of(await acting.rollout(rollout))


@router.post("/rollouts/{rollout}/followups/{item}/done")
async def done(acting: ByToken, rollout: str, item: str, request: DoneRequest) -> dict[str, Any]:
    said = await acting.named(request.by).settle(rollout, item, request.note)
    return {"id": await acting.coordinator.telling.resolve(rollout), "message": said}
