"""The API of approvals: a second person's yes to a plan's start."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.keyed import Keyed
from pilotage.server.api.models import plans as shapes
from pilotage.server.api.models.asked import Plan
from pilotage.server.api.paging import LINK, MOST, Cursor, Limit, sliced

router = APIRouter(prefix="/v1", tags=["approvals"], route_class=Keyed)


@router.get(
    "/approvals",
    operation_id="listApprovals",
    summary="Those that are waited for, the oldest first",
    **told(list[shapes.Approval], success=LINK),
)
async def waiting(acting: ByToken, request: Request, limit: Limit = MOST, cursor: Cursor = "") -> JSONResponse:
    """Starts that somebody has asked an approval for. A phase that waits says so in its rollout's view."""
    found = await acting.coordinator.desk.approvals.waiting()
    rows = [to_data(one) for one in found if acting.sees(one.service, one.environment)]
    return sliced(request, rows, limit, cursor, lambda row: str(row["id"]))


@router.post(
    "/plans/{plan}/request-approval",
    operation_id="requestApproval",
    summary="Ask for one",
    **told(shapes.Approval, 404, 409, status=201),
)
async def request_approval(acting: ByToken, plan: Plan, asked: shapes.ApprovalRequest) -> JSONResponse:
    return answer(to_data(await acting.named(asked.by).request_approval(plan, asked.reason)), 201)


@router.post(
    "/plans/{plan}/approve",
    operation_id="approvePlan",
    summary="Approve its start, or refuse it",
    **told(shapes.Approval, 404, 409),
)
async def approve(acting: ByToken, plan: Plan, asked: shapes.AnswerRequest) -> JSONResponse:
    """For the plan as the approver has seen it: its digest. Never by who asked, nor by the plan's author."""
    return answer(to_data(await acting.named(asked.by).approve_plan(plan, asked.digest, asked.yes, asked.reason)))
