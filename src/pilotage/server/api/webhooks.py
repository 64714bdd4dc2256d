"""The API of webhooks: how far each is, a test, and telling it again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from pilotage import webhooks
from pilotage.core.people import Right
from pilotage.server.access import ByToken

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Name = Annotated[str, Path(max_length=64)]


class ReplayRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128, description="who says so; counts without a login only")
    first: int = Field(ge=1, le=2**53, description="the number of an entry of the audit log, as messages name it")


class TestRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128, description="who says so; counts without a login only")


@router.get("")
async def listed(acting: ByToken) -> list[dict[str, Any]]:
    """Each webhook, how many events it has not taken yet, and why."""
    acting.caller.check(Right.VIEW)
    coordinator = acting.coordinator
    return await webhooks.backlog(coordinator.store, coordinator.settings, coordinator.clock.now())


@router.post("/{name}/test")
async def test(acting: ByToken, name: Name, request: TestRequest) -> dict[str, Any]:
    """Sends it one message of the type `ping`."""
    return await acting.named(request.by).test_webhook(name)


@router.post("/{name}/replay")
async def replay(acting: ByToken, name: Name, request: ReplayRequest) -> dict[str, Any]:
    """Tells it all events again, from an entry of the audit log on, with the ids that they had."""
    return await acting.named(request.by).replay_webhook(name, request.first)
