"""The API of webhooks: how far each is, a test, and telling it again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from pilotage import webhooks
from pilotage.core.people import Right
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models.asked import NAME, Asked
from pilotage.server.api.models.system import WebhookState

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Keyed)
Name = Annotated[str, Path(max_length=64, pattern=NAME)]


class TestRequest(Asked):
    by: str = Field(default="", max_length=128, description="who says so; counts without a login only")


class ReplayRequest(TestRequest):
    first: int = Field(ge=1, le=2**53, description="the number of an entry of the audit log, as messages name it")


class Tested(BaseModel):
    name: str
    status: int = Field(description="what it answered")
    took_s: float
    id: str = Field(description="the message's")


class Replayed(BaseModel):
    name: str
    next: int
    waiting: int


@router.get("", operation_id="listWebhooks", summary="How far each is", **told(list[WebhookState]))
async def listed(acting: ByToken) -> JSONResponse:
    """Each webhook, how many events it has not taken yet, and why."""
    acting.caller.check(Right.VIEW)
    coordinator = acting.coordinator
    return answer(await webhooks.backlog(coordinator.store, coordinator.settings, coordinator.clock.now()))


@router.post("/{name}/test", operation_id="testWebhook", summary="Send it a ping", **told(Tested, 404, 409, 503))
async def test(acting: ByToken, name: Name, request: TestRequest) -> JSONResponse:
    """Sends it one message of the type `ping`."""
    return answer(await acting.named(request.by).test_webhook(name))


@router.post("/{name}/replay", operation_id="replayWebhook", summary="Tell it again", **told(Replayed, 404, 409))
async def replay(acting: ByToken, name: Name, request: ReplayRequest) -> JSONResponse:
    """Tells it all events again, from an entry of the audit log on, with the ids that they had."""
    return answer(await acting.named(request.by).replay_webhook(name, request.first))
