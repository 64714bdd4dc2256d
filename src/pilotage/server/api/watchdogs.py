"""The API for watchdogs: which rollouts run, their plans, and what a watchdog elsewhere has done."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_json
from pilotage.core.people import Right
from pilotage.handover.snapshots import Snapshot
from pilotage.merging import accept
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import system as shapes
from pilotage.server.api.models.asked import Rollout, Search
from pilotage.store import queries

router = APIRouter(prefix="/v1/watchdog", tags=["watchdogs"], route_class=Keyed)


@router.get(
    "", operation_id="listRunning", summary="What runs, and how long it may be silent", **told(shapes.RunningRollouts)
)
async def rollouts(acting: ByToken, request: Request, name: Search = "") -> JSONResponse:
    """Asked every second: a plan is read once only."""
    acting.caller.check(Right.GO_BACK)
    silences: dict[str, float] = request.app.state.silences
    request.app.state.health.seen(name)
    store = acting.coordinator.store
    active = await store.run(queries.running_rollouts)
    for rollout in silences.keys() - set(active):
        del silences[rollout]
    for rollout in set(active) - silences.keys():
        silences[rollout] = (await store.run(queries.get_rollout, rollout)).plan.silence_s
    return answer({"rollouts": [{"id": one, "silence_s": silences[one]} for one in active]})


@router.get(
    "/rollouts/{rollout}",
    operation_id="snapshot",
    summary="All that is needed to go back without us",
    **told(shapes.Snapshot, 404),
)
async def snapshot(acting: ByToken, rollout: Rollout) -> JSONResponse:
    row = await acting.coordinator.store.run(queries.get_rollout, await acting.rollout(rollout, Right.GO_BACK))
    return answer({"snapshot": to_json(Snapshot(row.id, row.plan, row.created_at, row.requested_by))})


@router.post(
    "/journals",
    operation_id="acceptJournal",
    summary="What a watchdog has done",
    **told(shapes.Accepted, 404, 409),
)
async def journals(acting: ByToken, asked: shapes.JournalRequest) -> JSONResponse:
    acting.caller.check(Right.GO_BACK)
    async with acting.noted("journal", "") as names:
        names.append(await accept(acting.coordinator, asked.journal))
    return answer({"rollout": names[-1]})
