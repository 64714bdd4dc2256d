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

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=Keyed)
Name = Annotated[str, Path(max_length=63, pattern=NAME, description="as the settings call it")]
By = Annotated[str, Field(default="", max_length=128, description="who says so; counts without a login only")]


class Webhook(BaseModel):
    """`waiting` events have not been taken; it has failed `attempts` times `since` an instant."""

    name: str
    host: str = Field(description="empty where the address cannot be read")
    next: int = Field(description="the entry of the audit log that it is told next")
    waiting: int
    attempts: int
    since: float | None
    error: str


class Pinged(BaseModel):
    name: str
    status: int = Field(description="what it answered")
    took_s: float
    id: str = Field(description="the message's webhook-id")


class ToldAgain(BaseModel):
    name: str
    next: int
    waiting: int = Field(description="how many events it is told from there on")


class PingRequest(Asked):
    by: By = ""


class ReplayRequest(Asked):
    by: By = ""
    first: int = Field(ge=1, le=2**53, description="the number of an entry of the audit log, as messages name it")


@router.get("", operation_id="listWebhooks", summary="What each has not taken yet, and why", **told(list[Webhook]))
async def listed(acting: ByToken) -> JSONResponse:
    acting.caller.check(Right.VIEW)
    coordinator = acting.coordinator
    return answer(await webhooks.backlog(coordinator.store, coordinator.settings, coordinator.clock.now()))


@router.post(
    "/{name}/test",
    operation_id="testWebhook",
    summary="Send it one message of the type ping, now",
    **told(Pinged, 404, 409),
)
async def test(acting: ByToken, name: Name, request: PingRequest) -> JSONResponse:
    return answer(await acting.named(request.by).test_webhook(name))


@router.post(
    "/{name}/replay",
    operation_id="replayWebhook",
    summary="Tell it all events again, from an entry of the audit log on, with the ids that they had",
    **told(ToldAgain, 404, 409),
)
async def replay(acting: ByToken, name: Name, request: ReplayRequest) -> JSONResponse:
    return answer(await acting.named(request.by).replay_webhook(name, request.first))
