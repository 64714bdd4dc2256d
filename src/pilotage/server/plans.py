"""The doors to what happens before a rollout: plans, their checklists, freezes and locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.params import Depends
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data
from pilotage.coordinator import Coordinator

LAST_INSTANT = 253_000_000_000.0
"""In the year 9987: later ones cannot be shown."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(max_length=128)
    """A blank one is refused: everything here is recorded under somebody's name."""
    reason: str = Field(default="", max_length=2000)


class PlanRequest(_Request):
    """A plan as its author wrote it. `directory` is where its relative paths start."""

    plan: str = Field(max_length=1_000_000)
    directory: str
    file: str = ""


class TickRequest(_Request):
    items: list[str] = Field(min_length=1, max_length=100)
    undo: bool = False


class ScheduleRequest(_Request):
    overrides: list[str] = Field(default_factory=list, max_length=100)


class FreezeRequest(_Request):
    """Empty `service` or `environment`: all of them. `begins`, `ends`: Unix seconds; None: from now, until lifted."""

    service: str = Field(default="", max_length=64)
    environment: str = Field(default="", max_length=64)
    begins: float | None = Field(default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False)
    ends: float | None = Field(default=None, ge=0, le=LAST_INSTANT, allow_inf_nan=False)


class LockRequest(_Request):
    service: str = Field(min_length=1, max_length=64)
    environment: str = Field(min_length=1, max_length=64)


def add_routes(app: FastAPI, guard: Sequence[Depends], coordinator: Coordinator) -> None:
    desk, gates = coordinator.desk, coordinator.gates

    @app.get("/v1/plans", dependencies=guard)
    async def plans() -> list[dict[str, Any]]:
        return await desk.plans()

    @app.post("/v1/plans", dependencies=guard, status_code=201)
    async def register(request: PlanRequest) -> dict[str, str]:
        return {"id": await desk.register(request.plan, request.directory, request.file, request.by)}

    @app.get("/v1/plans/{plan}", dependencies=guard)
    async def view(plan: str) -> dict[str, Any]:
        return await desk.view(plan)

    @app.post("/v1/plans/{plan}/tick", dependencies=guard)
    async def tick(plan: str, request: TickRequest) -> dict[str, Any]:
        return await desk.tick(plan, request.items, request.by, request.reason, request.undo)

    @app.post("/v1/plans/{plan}/rehearse", dependencies=guard)
    async def rehearse(plan: str, request: _Request) -> dict[str, Any]:
        return await desk.rehearse(plan, request.by)

    @app.post("/v1/plans/{plan}/schedule", dependencies=guard)
    async def schedule(plan: str, request: ScheduleRequest) -> dict[str, Any]:
        return await desk.schedule(plan, request.by, request.overrides, request.reason)

    @app.post("/v1/plans/{plan}/forget", dependencies=guard)
    async def forget(plan: str, request: _Request) -> dict[str, Any]:
        return await desk.forget(plan, request.by, request.reason)

    @app.get("/v1/rollouts/{rollout}/checklist", dependencies=guard)
    async def passed(rollout: str) -> dict[str, Any]:
        name = await coordinator.telling.resolve(rollout)
        found = await coordinator.checklist(name)
        return {"id": name, "items": [], **(to_data(found) if found is not None else {})}

    @app.get("/v1/freezes", dependencies=guard)
    async def freezes(all: bool = False) -> list[dict[str, Any]]:
        return [to_data(one) for one in await gates.freezes(all)]

    @app.post("/v1/freezes", dependencies=guard, status_code=201)
    async def freeze(request: FreezeRequest) -> dict[str, Any]:
        made = await gates.freeze(
            request.service, request.environment, request.reason, request.by, request.begins, request.ends
        )
        return dict(to_data(made))

    @app.post("/v1/freezes/{freeze}/lift", dependencies=guard)
    async def lift(freeze: str, request: _Request) -> dict[str, str]:
        await gates.unfreeze(freeze, request.by, request.reason)
        return {"id": freeze}

    @app.get("/v1/locks", dependencies=guard)
    async def locks(all: bool = False) -> list[dict[str, Any]]:
        return [to_data(one) for one in await gates.locks(all)]

    @app.post("/v1/locks", dependencies=guard, status_code=201)
    async def lock(request: LockRequest) -> dict[str, Any]:
        return dict(to_data(await gates.lock(request.service, request.environment, request.reason, request.by)))

    @app.post("/v1/locks/release", dependencies=guard)
    async def unlock(request: LockRequest) -> dict[str, str]:
        await gates.unlock(request.service, request.environment, request.by, request.reason)
        return {"service": request.service, "environment": request.environment}
