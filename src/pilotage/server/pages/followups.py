"""What is still to be looked at after rollouts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pilotage.core.people import Right
from pilotage.server.pages.rights import why_not
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession

router = pages_router()


@router.get("/follow-ups")
async def follow_ups(request: Request, acting: BySession) -> HTMLResponse:
    now = acting.coordinator.clock.now()
    found = await acting.coordinator.aftercare.open()
    rows = [
        {
            **one,
            "late_s": max(0.0, now - float(one["due_at"])),
            "why": why_not(acting, Right.OPERATE, one["service"], one["environment"]),
        }
        for one in found
        if acting.sees(one["service"], one["environment"])
    ]
    groups = [
        ("Failed: somebody has to look", "bad", [one for one in rows if one["status"] == "failed"]),
        ("Due", "wait", [one for one in rows if one["status"] != "failed" and one["late_s"] > 0]),
        ("Coming", "idle", [one for one in rows if one["status"] != "failed" and one["late_s"] <= 0]),
    ]
    return page(request, "followups.html", groups=[one for one in groups if one[2]])


@router.get("/followups")
async def called_otherwise() -> Response:
    return RedirectResponse("/follow-ups", 308)


@router.post("/follow-ups/{rollout}/{item}/done")
async def done(
    acting: BySession, rollout: str, item: str, note: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    await acting.settle(rollout, item, note.strip())
    return RedirectResponse("/follow-ups", 303)
