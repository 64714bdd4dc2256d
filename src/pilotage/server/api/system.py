"""The API of the coordinator itself: is it well, what does it count, stop it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from pilotage.core.people import Right
from pilotage.server import metrics as counted
from pilotage.server.access import ByToken
from pilotage.server.health import Health
from pilotage.server.problems import MEDIA


def _health(request: Request) -> Health:
    found: Health = request.app.state.health
    return found


ItsHealth = Annotated[Health, Depends(_health)]
router = APIRouter(tags=["system"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive; whether it can do its work is asked at /readyz."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: {"description": "Not ready; `parts` says what is not", "content": {MEDIA: {}}}})
async def readyz(health: ItsHealth) -> Response:
    """Whether it can do its work: the store answers, its schema is this release's, the engine answers, a worker asks
    for work - and it is not about to stop."""
    parts = await health.parts()
    bad = ["stopping"] if health.stopping.is_set() else [name for name, well in parts.items() if not well]
    if not bad:
        return JSONResponse({"status": "ready"})
    said = "the coordinator is stopping" if bad == ["stopping"] else f"not ready: {', '.join(bad)}"
    body = {"type": "NotReady", "title": "NotReady", "status": 503, "detail": said, "parts": bad}
    return JSONResponse(body, status_code=503, media_type=MEDIA, headers={"Retry-After": "1"})


@router.get("/metrics")
async def metrics(acting: ByToken, health: ItsHealth) -> Response:
    """Prometheus' text format. A token with the scope plan:read, of somebody who may see everything, is enough."""
    acting.caller.check(Right.VIEW)
    return Response(await counted.page(health), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/health")
async def doctor(acting: ByToken, health: ItsHealth) -> dict[str, Any]:
    acting.caller.check(Right.VIEW)
    return await health.report()


@router.post("/v1/shutdown")
async def shutdown(acting: ByToken, health: ItsHealth) -> dict[str, str]:
    async with acting.noted("shutdown", "coordinator"):
        acting.caller.check(Right.ADMINISTER)
        health.stop()
    return {"status": "stopping"}
