"""The API of rollouts: start, look, command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.core.explain import explanation_text
from pilotage.core.replay import replay_text, what_if_text
from pilotage.core.state import Command, Status
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, text, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import rollouts as shapes
from pilotage.server.api.models.asked import Rollout, Search
from pilotage.server.api.paging import LINK, Cursor, Limit, page, read_cursor
from pilotage.store.listing import Wanted

MARKDOWN = "text/markdown; charset=utf-8"
HTML = "text/html; charset=utf-8"
MOST_EVENTS = 1000
router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"], route_class=Keyed)


@router.get(
    "", operation_id="listRollouts", summary="Rollouts, the newest first", **told(list[shapes.Summary], success=LINK)
)
async def list_rollouts(
    acting: ByToken,
    request: Request,
    service: Search = "",
    environment: Search = "",
    status: Annotated[Status | None, Query(description="those that stand so")] = None,
    active: Annotated[bool | None, Query(description="true: those that run; false: those that have ended")] = None,
    q: Search = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> JSONResponse:
    """`q` is looked for in ids, services, environments, people, and at the beginning of versions."""
    after = read_cursor(request, cursor, float, str)
    wanted = Wanted(service, environment, status, active, q)
    rows, mark = await acting.coordinator.listing.rollouts(acting.places, wanted, after, limit)
    return page(request, rows, mark)


@router.post(
    "", operation_id="startRollout", summary="Start a plan", **told(shapes.Started, 404, 409, 412, 503, status=201)
)
async def start(acting: ByToken, asked: shapes.StartRequest) -> JSONResponse:
    """Checks the plan and its checklist, asks every driver, takes the lock, and begins."""
    about = (asked.plan, asked.directory, asked.file, asked.reason)
    rollout = await acting.named(asked.by).start(*about, asked.overrides)
    late, advised = await acting.coordinator.late_s(rollout), await acting.coordinator.advised(rollout)
    return answer({"id": rollout, "late_s": late, "advised": advised}, 201, {"Location": f"/v1/rollouts/{rollout}"})


@router.get("/{rollout}", operation_id="viewRollout", summary="Where a rollout stands", **told(shapes.View, 404))
async def view(acting: ByToken, rollout: Rollout) -> JSONResponse:
    return answer(await acting.coordinator.telling.view(await acting.rollout(rollout)))


@router.get(
    "/{rollout}/events",
    operation_id="listEvents",
    summary="Its record, in order",
    **told(list[shapes.Told], 404, success=LINK),
)
async def events(
    acting: ByToken,
    request: Request,
    rollout: Rollout,
    first: Annotated[int, Query(ge=0, le=1_000_000_000, description="the number of the first one")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="events of a page at most")] = MOST_EVENTS,
    cursor: Cursor = "",
) -> JSONResponse:
    mark = read_cursor(request, cursor, int)
    begin = mark[0] if mark is not None else first
    rows = await acting.coordinator.telling.events(await acting.rollout(rollout), begin, limit + 1)
    more = len(rows) > limit
    return page(request, rows[:limit], (rows[limit - 1]["number"] + 1,) if more else None)


@router.get(
    "/{rollout}/report",
    operation_id="report",
    summary="Its report",
    **text("text/markdown", "# Report: shop 2.0\n...", 404, 422, media_too=("text/html",)),
)
async def report(
    acting: ByToken,
    rollout: Rollout,
    picture: Annotated[str, Query(max_length=500, description="of Markdown: the address of its picture")] = "",
    format: Literal["markdown", "html"] = "markdown",
) -> Response:
    """Impact, comparison, verdicts with their evidence, timeline; as HTML one page with everything in it."""
    name = await acting.rollout(rollout)
    if format == "html":
        return Response(await acting.coordinator.telling.report_page(name), media_type=HTML)
    return Response(await acting.coordinator.telling.report(name, picture), media_type=MARKDOWN)


@router.get(
    "/{rollout}/review",
    operation_id="review",
    summary="The draft of its review",
    **text("text/markdown", "# Review\n...", 404),
)
async def review(acting: ByToken, rollout: Rollout) -> Response:
    """What is known, what is open, and room for the causes."""
    return Response(await acting.coordinator.telling.review(await acting.rollout(rollout)), media_type=MARKDOWN)


@router.get(
    "/{rollout}/picture",
    operation_id="picture",
    summary="Its course, drawn",
    **text("image/svg+xml", "<svg .../>", 404),
)
async def picture(acting: ByToken, rollout: Rollout) -> Response:
    found = await acting.coordinator.telling.picture(await acting.rollout(rollout))
    return Response(found, media_type="image/svg+xml")


@router.get("/{rollout}/explain", operation_id="explain", summary="Why it did that", **told(shapes.Explained, 404))
async def explain(acting: ByToken, rollout: Rollout) -> JSONResponse:
    name = await acting.rollout(rollout)
    found = await acting.coordinator.telling.explain(name)
    return answer({"id": name, **to_data(found), "text": explanation_text(found)})


@router.get(
    "/{rollout}/replay", operation_id="replay", summary="Would it do that again?", **told(shapes.ReplayResult, 404, 409)
)
async def replay(acting: ByToken, rollout: Rollout) -> JSONResponse:
    found = await acting.coordinator.telling.replay(await acting.rollout(rollout))
    return answer({**to_data(found), "agrees": found.agrees, "text": replay_text(found)})


@router.post(
    "/{rollout}/replay", operation_id="whatIf", summary="Under another plan", **told(shapes.OtherCourse, 404, 409)
)
async def what_if(acting: ByToken, rollout: Rollout, asked: shapes.WhatIfRequest) -> JSONResponse:
    """Its stored samples before the judge of another plan. Nothing is changed."""
    name = await acting.rollout(rollout)
    await acting.read(asked.plan, asked.directory, asked.file)
    found = await acting.coordinator.telling.what_if(name, asked.plan, asked.directory, asked.file)
    return answer({**to_data(found), "text": what_if_text(found)})


@router.get(
    "/{rollout}/checklist",
    operation_id="checklistAsItBegan",
    summary="Its checklist, as it began",
    **told(shapes.Passed, 404),
)
async def passed(acting: ByToken, rollout: Rollout) -> JSONResponse:
    name = await acting.rollout(rollout)
    found = await acting.coordinator.checklist(name)
    return answer({"id": name, "items": [], **(to_data(found) if found is not None else {})})


@router.post(
    "/{rollout}/announce",
    operation_id="announce",
    summary="Tell those whom its plan tells",
    **told(shapes.WordsNoted, 404, 409, 503),
)
async def announce(acting: ByToken, rollout: Rollout, asked: shapes.AnnounceRequest) -> JSONResponse:
    return answer(await acting.named(asked.by).announce(rollout, asked.text, asked.audience))


@router.post(
    "/{rollout}/report-trouble",
    operation_id="reportTrouble",
    summary="Users say it is worse",
    **told(shapes.Done, 404, 409, 503),
)
async def report_trouble(acting: ByToken, rollout: Rollout, asked: shapes.TroubleRequest) -> JSONResponse:
    """Enough of these in a phase hold the rollout and ask a person."""
    name, me = await acting.resolved(rollout), acting.named(asked.on_behalf or asked.by)
    behalf = asked.on_behalf.strip() if asked.on_behalf.strip() != me.by else ""
    reason = f"{asked.reason} (for {behalf})" if behalf else asked.reason
    return answer({**to_data(await me.command(name, Command.REPORT_TROUBLE, reason)), "id": name})


SUMMARIES: dict[Command, str] = {
    Command.ROLLBACK: "Send it back now",
    Command.APPROVE: "Let a phase that waits begin",
    Command.PAUSE: "Keep the traffic where it is",
    Command.HOLD: "Hold it",
    Command.RESUME: "Go on after a pause or a hold",
    Command.PROMOTE: "Pass the present phase now",
}
MORE: dict[Command, str] = {
    Command.ROLLBACK: "Whatever state it is in, without any analysis, and as often as you like: once it is done, that "
    "is the answer. It takes no Idempotency-Key and waits for nothing.",
    Command.APPROVE: "With a login the body names the plan's digest and the phase that the approval is for.",
    Command.PAUSE: "The judge goes on guarding, the phase's time does not run.",
    Command.HOLD: "Like a pause, but the plan's hold deadline and policy apply.",
}


def _command(command: Command) -> Callable[..., Coroutine[Any, Any, JSONResponse]]:
    async def carry_out(acting: ByToken, rollout: Rollout, asked: shapes.CommandRequest) -> JSONResponse:
        name = await acting.resolved(rollout)
        about = (asked.reason, asked.digest, asked.phase)
        outcome = await acting.named(asked.by).command(name, command, *about)
        return answer({**to_data(outcome), "id": name})

    return carry_out


for _one, _summary in SUMMARIES.items():
    router.add_api_route(
        f"/{{rollout}}/{_one.value}",
        _command(_one),
        methods=["POST"],
        operation_id=_one.value,
        summary=_summary,
        description=MORE.get(_one, ""),
        **told(shapes.Done, 404, 409, 503),
    )
