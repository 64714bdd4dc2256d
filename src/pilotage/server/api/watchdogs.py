"""The API for watchdogs: which rollouts run, their plans, and what a watchdog elsewhere has done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_json
from pilotage.core.people import Right
from pilotage.handover.snapshots import Snapshot
from pilotage.merging import accept
from pilotage.server.access import ByToken
from pilotage.store import queries

router = APIRouter(prefix="/v1/watchdog", tags=["watchdogs"])


class JournalRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    journal: str = Field(max_length=1_000_000)


@router.get("")
async def rollouts(acting: ByToken, request: Request, name: str = "") -> dict[str, Any]:
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
    return {"rollouts": [{"id": one, "silence_s": silences[one]} for one in active]}


@router.get("/rollouts/{rollout}")
async def snapshot(acting: ByToken, rollout: str) -> dict[str, str]:
    row = await acting.coordinator.store.run(queries.get_rollout, await acting.rollout(rollout, Right.GO_BACK))
    return {"snapshot": to_json(Snapshot(row.id, row.plan, row.created_at, row.requested_by))}


@router.post("/journals")
async def journals(acting: ByToken, request: JournalRequest) -> dict[str, str]:
    acting.caller.check(Right.GO_BACK)
    async with acting.noted("journal", "") as names:
        names.append(await accept(acting.coordinator, request.journal))
    return {"rollout": names[-1]}
