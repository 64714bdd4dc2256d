"""A rollout's report and its review's draft, to read and to take along."""

from __future__ import annotations

from fastapi.responses import Response

from pilotage.server.pages.shell import pages_router
from pilotage.server.sessions import BySession

router = pages_router()

ALONE = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    )
)
"""The report is one file with its style in it. It has no script, and nothing of ours is within its reach."""
MARKDOWN = "text/markdown; charset=utf-8"


@router.get("/rollouts/{rollout}/report")
async def report(acting: BySession, rollout: str) -> Response:
    text = await acting.coordinator.telling.report_page(await acting.rollout(rollout))
    return Response(text, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": ALONE})


@router.get("/rollouts/{rollout}/report.md")
async def markdown(acting: BySession, rollout: str) -> Response:
    name = await acting.rollout(rollout)
    return _taken(await acting.coordinator.telling.report(name), f"{name}-report.md")


@router.get("/rollouts/{rollout}/review.md")
async def review(acting: BySession, rollout: str) -> Response:
    name = await acting.rollout(rollout)
    return _taken(await acting.coordinator.telling.review(name), f"{name}-review.md")


def _taken(text: str, name: str) -> Response:
    return Response(text, media_type=MARKDOWN, headers={"Content-Disposition": f'attachment; filename="{name}"'})
