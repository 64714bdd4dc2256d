"""Server-sent events: what happens with rollouts, as it happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from pilotage.acting import Acting
from pilotage.codec import to_data
from pilotage.core.errors import NotFound, Unauthorised
from pilotage.core.sentences import sentence
from pilotage.server.access import ByToken, access_of
from pilotage.server.api.models.asked import Rollout
from pilotage.server.api.models.problem import refusals
from pilotage.server.hub import Change, Hub, TooSlow
from pilotage.store import changes

MEDIA = "text/event-stream"
CHECKED_EVERY_S = 30.0
"""A token that is revoked, or expires, meanwhile ends the stream after at most this long."""
RETRY_MS = 2000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
EXAMPLE = """id: 4
event: weight_set
data: {"rollout": "shop-1126-101500-3f2a", "number": 4, "at": 1790000004.2, "by": "pilotage", "event": {...}}

event: sample
data: {"rollout": "shop-1126-101500-3f2a", "phase": 0, "tick": 12}

: nothing has happened for a while

event: settled
data: {"rollout": "shop-1126-101500-3f2a"}
"""
LastEventId = Annotated[
    str,
    Header(
        alias="Last-Event-ID",
        max_length=12,
        pattern=r"^(-1|[0-9]*)$",
        description="the last `id` that was seen: what came after it comes first",
    ),
]
router = APIRouter(prefix="/v1", tags=["live"])


def _told(*problems: int) -> dict[str, Any]:
    content = {MEDIA: {"schema": {"type": "string"}, "example": EXAMPLE}}
    return {
        "response_model": None,
        "response_class": StreamingResponse,
        "responses": {200: {"description": "Server-sent events", "content": content}, **refusals(422, *problems)},
    }


@router.get(
    "/rollouts/{rollout}/stream", operation_id="streamRollout", summary="One rollout, until it is settled", **_told(404)
)
async def one(
    acting: ByToken, request: Request, rollout: Rollout, last_event_id: LastEventId = ""
) -> StreamingResponse:
    """An event is named by its kind, such as `weight_set`; its `id` is its number in the rollout's record. A `sample`
    says that there is another one: look at the rollout again. `settled` is the last: it has ended, and no follow-up is
    open. `dropped` says why the stream ends early: connect again with the last `id`. A line that begins with a colon
    comes when nothing has happened for 15 seconds."""
    name = await acting.rollout(rollout)
    after = await _after(acting, last_event_id, name)
    return _stream(request, acting, name, after, lambda change: change.recorded.number if change.recorded else None)


@router.get("/stream", operation_id="streamAll", summary="Every rollout that you may see", **_told())
async def everything(acting: ByToken, request: Request, last_event_id: LastEventId = "") -> StreamingResponse:
    """As the stream of one rollout, without samples; the `id` is the event's place in the audit log, which is the order
    of all rollouts' events. It does not end by itself."""
    after = await _after(acting, last_event_id)
    return _stream(request, acting, "", after, lambda change: change.entry)


def _hub(request: Request) -> Hub:
    found: Hub = request.app.state.hub
    return found


async def _after(acting: Acting, last: str, rollout: str = "") -> int:
    """Without a last number, or with one that was never given, it begins with what comes after this request."""
    newest = await acting.coordinator.store.run(changes.newest, rollout)
    return min(int(last), newest) if last else newest


def _stream(
    request: Request,
    acting: Acting,
    rollout: str,
    after: int,
    number: Callable[[Change], int | None],
) -> StreamingResponse:
    lines = _lines(request, acting, rollout, after, number)
    return StreamingResponse(lines, media_type=MEDIA, headers=HEADERS)


async def _lines(
    request: Request, acting: Acting, rollout: str, after: int, number: Callable[[Change], int | None]
) -> AsyncIterator[str]:
    clock = acting.coordinator.clock
    checked = clock.now()
    yield f"retry: {RETRY_MS}\n\n"
    try:
        async with aclosing(_hub(request).follow(rollout, after)) as following:
            async for change in following:
                if clock.now() - checked >= CHECKED_EVERY_S:
                    acting, checked = await _again(request, acting), clock.now()
                    if rollout:
                        await acting.rollout(rollout)
                if change is None:
                    yield ": nothing has happened for a while\n\n"
                elif change.what != "event":
                    yield _line(change.what, _place(change))
                elif acting.sees(change.service, change.environment):
                    yield _line(*_event(change), number(change))
    except (TooSlow, Unauthorised, NotFound) as error:
        yield _line("dropped", {"detail": str(error)})


async def _again(request: Request, acting: Acting) -> Acting:
    """Who asks, as they are now. Raises Unauthorised."""
    return Acting(acting.coordinator, await access_of(request).by_token(request))


def _event(change: Change) -> tuple[str, dict[str, Any]]:
    recorded = change.recorded
    assert recorded is not None
    return recorded.event.kind, {**to_data(recorded), "sentence": sentence(recorded.event)}


def _place(change: Change) -> dict[str, Any]:
    place = {"phase": change.place[0], "tick": change.place[1]} if change.place is not None else {}
    return {"rollout": change.rollout, **place}


def _line(kind: str, data: dict[str, Any], number: int | None = None) -> str:
    first = f"id: {number}\n" if number is not None else ""
    return f"{first}event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
