"""What a rollout leaves to read: the plan that it was started with, and its review's draft."""

from __future__ import annotations

import asyncio

from fastapi import Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from pilotage.core.pages.documents import fragment
from pilotage.server.pages.planpage import document
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.store import queries

router = pages_router()


@router.get("/rollouts/{rollout}/plan")
async def plan(request: Request, acting: BySession, rollout: str) -> HTMLResponse:
    """As it was when the rollout began, with its checklist as it stood then."""
    row = await acting.coordinator.store.run(queries.get_rollout, await acting.rollout(rollout))
    passed = await acting.coordinator.checklist(row.id)
    return page(
        request,
        "document_plan.html",
        row=row,
        passed=passed.items if passed is not None else (),
        document=await asyncio.to_thread(document, row.plan_text, row.plan.digest),
        yaml=row.plan_text.splitlines(),
    )


@router.get("/rollouts/{rollout}/review")
async def review(request: Request, acting: BySession, rollout: str) -> HTMLResponse:
    name = await acting.rollout(rollout)
    row = await acting.coordinator.store.run(queries.get_rollout, name)
    text = await acting.coordinator.telling.review(name)
    return page(request, "document_review.html", row=row, document=_html(text))


def _html(markdown: str) -> Markup:
    """Our own reader of Markdown escapes all that is in it."""
    return Markup(fragment(markdown))  # noqa: S704
