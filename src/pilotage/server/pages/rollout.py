"""One rollout: its live page, what is new on it, and the older lines of its timeline."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from pilotage.acting import Acting
from pilotage.core.people import Right
from pilotage.server.pages.live import facts
from pilotage.server.pages.live.allowed import buttons, reasons
from pilotage.server.pages.live.board import Board
from pilotage.server.pages.live.boards import Boards, boards_of
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession, by_session

router = pages_router()

BEAT_S = 10.0
"""An open page hears at least this often that it is still connected."""
WHO_S = 60.0
"""So often it is looked up whether the reader still has a session and may see the rollout."""
Place = Annotated[str, Query(max_length=40)]


@router.get("/rollouts/{rollout}")
async def live(request: Request, acting: BySession, rollout: str) -> HTMLResponse:
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    return show(request, acting, board)


def show(
    request: Request, acting: Acting, board: Board, status: int = 200, answer: tuple[str, str, bool] | None = None
) -> HTMLResponse:
    """The whole page; `answer`: the tone and the words of what a form without JavaScript has led to, and whether to ask
    for a reason."""
    now = acting.coordinator.clock.now()
    return page(
        request,
        "rollout.html",
        status,
        board=board,
        pieces=board.pieces(),
        answer=answer,
        server_now=now,
        **yours(acting, board),
    )


def yours(acting: Acting, board: Board) -> dict[str, Any]:
    """What of the page depends on who reads it."""
    plan, asked = board.row.plan, board.view["asked_phase"]
    found = buttons(board, acting.caller, acting.coordinator.settings.shared)
    return {
        "view": board.view,
        "headline": board.headline,
        "asked_name": "" if asked is None else plan.phases[asked].name,
        "buttons": found,
        "reasons": reasons(found[name] for name in _shown(board.view["status"])),
        "follow_ups": facts.followups(board.follow_ups),
        "may_settle": acting.caller.may(Right.OPERATE, plan.service, plan.environment),
    }


def _shown(status: str) -> list[str]:
    """The buttons of the live page; reporting trouble stands apart, with a text."""
    way = "resume" if status in ("held", "paused") else "pause"
    asked = ["approve"] if status == "awaiting approval" else []
    return ["rollback", *asked, "hold", way, "promote", "report_trouble"]


@router.get("/rollouts/{rollout}/yours")
async def personal(request: Request, acting: BySession, rollout: str) -> HTMLResponse:
    """The reader's own pieces anew: asked for when what they may do could have changed."""
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    return page(request, "live/yours.html", **yours(acting, board))


@router.get("/rollouts/{rollout}/news")
async def news(request: Request, acting: BySession, rollout: str, since: Place = "") -> Response:
    """What the stream would send, once: for a page in the background, and where streams do not come through."""
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    return Response(board.since(since), media_type="application/json", headers={"Cache-Control": "no-store"})


@router.get("/rollouts/{rollout}/stream")
async def stream(request: Request, acting: BySession, rollout: str, since: Place = "") -> StreamingResponse:
    """Server-sent events: what is new since that version, then whatever comes. Empty ones say that it still listens."""
    name = await acting.rollout(rollout)
    place = request.headers.get("last-event-id", since)[:40]
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = _told(request, boards_of(request.app), name, place)
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def _told(request: Request, boards: Boards, rollout: str, place: str) -> AsyncIterator[str]:
    checked = time.monotonic()
    async with boards.open(rollout) as board:
        yield "retry: 2000\n\n"
        while True:
            if place != board.place:
                text, place = board.since(place), board.place
                yield f"id: {place}\ndata: {text}\n\n"
            else:
                yield f'event: beat\ndata: {{"now":{board.coordinator.clock.now():.3f}}}\n\n'
            if board.over:
                yield "event: over\ndata: {}\n\n"
                return
            if time.monotonic() - checked > WHO_S:
                checked = time.monotonic()
                if not await _still_may(request, rollout):
                    yield "event: out\ndata: {}\n\n"
                    return
            await board.changed(place, BEAT_S)


async def _still_may(request: Request, rollout: str) -> bool:
    try:
        await (await by_session(request)).rollout(rollout)
    except Exception:
        return False
    return True


@router.get("/rollouts/{rollout}/timeline")
async def older(
    request: Request, acting: BySession, rollout: str, before: Annotated[int, Query(ge=0, le=10**9)] = 10**9
) -> HTMLResponse:
    """Lines of the timeline before event number `before`, the newest first."""
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    record = [one for one in board.record if one.number < before]
    lines = facts.timeline(record)
    rest = len(record) > len(lines)
    return page(request, "timeline.html", view=board.view, timeline=lines, rest=rest, events=len(board.record))
