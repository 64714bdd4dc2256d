"""The API of what happens before a rollout: plans and their checklists, approvals."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data
from pilotage.server.access import ByToken
from pilotage.store.approvals import Approval

router = APIRouter(prefix="/v1", tags=["plans"])


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128, description="who says so; counts, and is needed, without a login only")
    reason: str = Field(default="", max_length=2000)


class PlanRequest(_Request):
    """A plan as its author wrote it. `directory` is where its relative paths start."""

    plan: str = Field(max_length=1_000_000)
    directory: str = Field(max_length=4096)
    file: str = Field(default="", max_length=4096)


class TickRequest(_Request):
    items: list[str] = Field(min_length=1, max_length=100)
    undo: bool = False


class ScheduleRequest(_Request):
    overrides: list[str] = Field(default_factory=list, max_length=100)


class ApprovalRequest(_Request):
    """`reason` is what the approver reads."""


class AnswerRequest(_Request):
    """`digest`: of the plan as the approver has seen it. `yes` false: refused."""

    digest: str = Field(max_length=80)
    yes: bool = True


@router.get("/plans")
async def plans(acting: ByToken) -> list[dict[str, Any]]:
    found = await acting.coordinator.desk.plans()
    return [one for one in found if acting.sees(one["service"], one["environment"])]


@router.post("/plans", status_code=201)
async def register(acting: ByToken, request: PlanRequest) -> dict[str, str]:
    return {"id": await acting.named(request.by).register(request.plan, request.directory, request.file)}


@router.get("/plans/{plan}")
async def view(acting: ByToken, plan: str) -> dict[str, Any]:
    await acting.plan(plan)
    return await acting.coordinator.desk.view(plan)


@router.post("/plans/{plan}/tick")
async def tick(acting: ByToken, plan: str, request: TickRequest) -> dict[str, Any]:
    return await acting.named(request.by).tick(plan, request.items, request.reason, request.undo)


@router.post("/plans/{plan}/rehearse")
async def rehearse(acting: ByToken, plan: str, request: _Request) -> dict[str, Any]:
    return await acting.named(request.by).rehearse(plan)


@router.post("/plans/{plan}/schedule")
async def schedule(acting: ByToken, plan: str, request: ScheduleRequest) -> dict[str, Any]:
    return await acting.named(request.by).schedule(plan, request.overrides, request.reason)


@router.post("/plans/{plan}/start", status_code=201)
async def start(acting: ByToken, plan: str, request: ScheduleRequest) -> dict[str, Any]:
    """A plan that is known begins now."""
    return {"id": await acting.named(request.by).start_known(plan, request.reason, request.overrides)}


@router.post("/plans/{plan}/forget")
async def forget(acting: ByToken, plan: str, request: _Request) -> dict[str, Any]:
    return await acting.named(request.by).forget(plan, request.reason)


@router.get("/approvals")
async def waiting(acting: ByToken) -> list[dict[str, Any]]:
    """Starts that somebody has asked an approval for."""
    found = await acting.coordinator.desk.approvals.waiting()
    return [_told(one) for one in found if acting.sees(one.service, one.environment)]


@router.post("/plans/{plan}/request-approval", status_code=201)
async def request_approval(acting: ByToken, plan: str, request: ApprovalRequest) -> dict[str, Any]:
    return _told(await acting.named(request.by).request_approval(plan, request.reason))


@router.post("/plans/{plan}/approve")
async def approve(acting: ByToken, plan: str, request: AnswerRequest) -> dict[str, Any]:
    return _told(await acting.named(request.by).approve_plan(plan, request.digest, request.yes, request.reason))


def _told(one: Approval) -> dict[str, Any]:
    return dict(to_data(one))
