"""What waits for an approval: starts of plans, and phases of rollouts."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from pilotage.acting import Acting
from pilotage.core.people import Right
from pilotage.core.state import Status, fold
from pilotage.server.pages.rights import why_not
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.store import known, queries
from pilotage.store.approvals import START

router = pages_router()


@router.get("/approvals")
async def approvals(request: Request, acting: BySession) -> HTMLResponse:
    """What the reader may answer comes first."""
    rows = [*await _phases(acting), *await _starts(acting)]
    return page(
        request,
        "approvals.html",
        mine=[one for one in rows if not one["why"]],
        others=[one for one in rows if one["why"]],
    )


async def _starts(acting: Acting) -> list[dict[str, Any]]:
    rows = []
    for one in await acting.coordinator.desk.approvals.waiting():
        if one.phase != START or not acting.sees(one.service, one.environment):
            continue
        plan = await acting.coordinator.store.run(known.get, one.subject)
        if plan.closed:
            continue
        about = {"title": f"{one.service} {plan.plan.version} in {one.environment}", "what": "the start of this plan"}
        link = {"href": f"/plans/{one.subject}#approval", "by": one.requested_by, "at": one.requested_at}
        rows.append({**about, **link, "note": one.note, "why": await acting.why_no_answer(one)})
    return rows


async def _phases(acting: Acting) -> list[dict[str, Any]]:
    rows = []
    for name in await acting.coordinator.store.run(queries.running_rollouts):
        if not acting.sees(*await acting.coordinator.store.run(queries.place_of, name)):
            continue
        record = await acting.coordinator.store.run(queries.events_of, name)
        state = fold(record)
        if state.status is not Status.AWAITING_APPROVAL:
            continue
        row = await acting.coordinator.store.run(queries.get_rollout, name)
        plan = row.plan
        why = why_not(acting, Right.APPROVE, plan.service, plan.environment)
        if not why and acting.coordinator.settings.shared and acting.by == row.requested_by:
            why = f"{acting.by} started this rollout, so somebody else has to approve it"
        about = {"title": f"{plan.service} {plan.version} in {plan.environment}", "what": state.reason}
        rows.append(
            {**about, "href": f"/rollouts/{name}", "by": row.requested_by, "at": record[-1].at, "note": "", "why": why}
        )
    return rows
