"""The API of what happens before a rollout: plans and their checklists."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import plans as shapes
from pilotage.server.api.models.asked import Plan, Said
from pilotage.server.api.paging import LINK, MOST, Cursor, Limit, sliced

router = APIRouter(prefix="/v1/plans", tags=["plans"], route_class=Keyed)


@router.get(
    "",
    operation_id="listPlans",
    summary="Those that wait, the newest first",
    **told(list[shapes.PlanKnown], success=LINK),
)
async def plans(acting: ByToken, request: Request, limit: Limit = MOST, cursor: Cursor = "") -> JSONResponse:
    found = [one for one in await acting.coordinator.desk.plans() if acting.sees(one["service"], one["environment"])]
    return sliced(request, found, limit, cursor, lambda row: str(row["id"]))


@router.post("", operation_id="registerPlan", summary="Make a plan known", **told(shapes.Named, 409, status=201))
async def register(acting: ByToken, asked: shapes.PlanRequest) -> JSONResponse:
    name = await acting.named(asked.by).register(asked.plan, asked.directory, asked.file)
    return answer({"id": name}, 201, {"Location": f"/v1/plans/{name}"})


@router.get(
    "/{plan}", operation_id="viewPlan", summary="One, with its checklist looked up now", **told(shapes.PlanView, 404)
)
async def view(acting: ByToken, plan: Plan) -> JSONResponse:
    await acting.plan(plan)
    return answer(await acting.coordinator.desk.view(plan))


@router.post("/{plan}/tick", operation_id="tick", summary="Tick items", **told(shapes.TicksNoted, 404, 409))
async def tick(acting: ByToken, plan: Plan, asked: shapes.TickRequest) -> JSONResponse:
    """All of them, or none."""
    return answer(await acting.named(asked.by).tick(plan, asked.items, asked.reason, asked.undo))


@router.post(
    "/{plan}/rehearse",
    operation_id="rehearse",
    summary="Practise the way back",
    **told(shapes.RehearsalDone, 404, 409, 412),
)
async def rehearse(acting: ByToken, plan: Plan, asked: Said) -> JSONResponse:
    """What is in force is set and read back; no traffic moves."""
    return answer(await acting.named(asked.by).rehearse(plan))


@router.post(
    "/{plan}/schedule",
    operation_id="schedulePlan",
    summary="Start it when its window opens",
    **told(shapes.Scheduled, 404, 409),
)
async def schedule(acting: ByToken, plan: Plan, asked: shapes.ScheduleRequest) -> JSONResponse:
    return answer(await acting.named(asked.by).schedule(plan, asked.overrides, asked.reason))


@router.post(
    "/{plan}/start",
    operation_id="startPlan",
    summary="Start it now",
    **told(shapes.Named, 404, 409, 412, 503, status=201),
)
async def start(acting: ByToken, plan: Plan, asked: shapes.ScheduleRequest) -> JSONResponse:
    rollout = await acting.named(asked.by).start_known(plan, asked.reason, asked.overrides)
    return answer({"id": rollout}, 201, {"Location": f"/v1/rollouts/{rollout}"})


@router.post("/{plan}/forget", operation_id="forgetPlan", summary="Do not wait for it", **told(shapes.Named, 404, 409))
async def forget(acting: ByToken, plan: Plan, asked: Said) -> JSONResponse:
    return answer(await acting.named(asked.by).forget(plan, asked.reason))
