"""The doors for watchdogs: which rollouts run, their plans, and what a watchdog elsewhere has done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.params import Depends
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_json
from pilotage.coordinator import Coordinator
from pilotage.handover.snapshots import Snapshot
from pilotage.merging import accept
from pilotage.server.health import Health
from pilotage.store import queries


class JournalRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    journal: str = Field(max_length=1_000_000)


def add_routes(app: FastAPI, guard: Sequence[Depends], coordinator: Coordinator, health: Health) -> None:
    silences: dict[str, float] = {}

    @app.get("/v1/watchdog", dependencies=guard)
    async def rollouts(name: str = "") -> dict[str, Any]:
        """Asked every second: a plan is read once only."""
        health.seen(name)
        active = await coordinator.store.run(queries.running_rollouts)
        for rollout in silences.keys() - set(active):
            del silences[rollout]
        for rollout in set(active) - silences.keys():
            row = await coordinator.store.run(queries.get_rollout, rollout)
            silences[rollout] = row.plan.silence_s
        return {"rollouts": [{"id": one, "silence_s": silences[one]} for one in active]}

    @app.get("/v1/watchdog/rollouts/{rollout}", dependencies=guard)
    async def snapshot(rollout: str) -> dict[str, str]:
        row = await coordinator.store.run(queries.get_rollout, rollout)
        return {"snapshot": to_json(Snapshot(row.id, row.plan, row.created_at, row.requested_by))}

    @app.post("/v1/watchdog/journals", dependencies=guard)
    async def journals(request: JournalRequest) -> dict[str, str]:
        return {"rollout": await accept(coordinator, request.journal)}
