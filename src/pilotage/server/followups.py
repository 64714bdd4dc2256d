"""The doors to what comes after a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.params import Depends
from pydantic import BaseModel, ConfigDict, Field

from pilotage.coordinator import Coordinator


class DoneRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(max_length=128)
    note: str = Field(default="", max_length=2000)


def add_routes(app: FastAPI, guard: Sequence[Depends], coordinator: Coordinator) -> None:
    aftercare = coordinator.aftercare

    @app.get("/v1/followups", dependencies=guard)
    async def open_ones() -> list[dict[str, Any]]:
        return await aftercare.open()

    @app.get("/v1/rollouts/{rollout}/followups", dependencies=guard)
    async def of(rollout: str) -> list[dict[str, Any]]:
        return await aftercare.of(await coordinator.telling.resolve(rollout))

    @app.post("/v1/rollouts/{rollout}/followups/{item}/done", dependencies=guard)
    async def done(rollout: str, item: str, request: DoneRequest) -> dict[str, Any]:
        name = await coordinator.telling.resolve(rollout)
        return {"id": name, "message": await aftercare.settle(name, item, request.by, request.note)}
