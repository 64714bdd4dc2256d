"""The API of the coordinator itself: is it well, what does it count, stop it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from pilotage.core.people import Right
from pilotage.server import metrics as counted
from pilotage.server import problems
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, text, told
from pilotage.server.api.models import system as shapes
from pilotage.server.health import Health


def _health(request: Request) -> Health:
    found: Health = request.app.state.health
    return found


ItsHealth = Annotated[Health, Depends(_health)]
router = APIRouter(tags=["system"])


@router.get("/healthz", operation_id="alive", summary="Is it alive?", **told(shapes.Alive))
async def healthz() -> JSONResponse:
    """The process is alive; whether it can do its work is asked at /readyz."""
    return answer({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="ready",
    summary="Can it do its work?",
    **told(shapes.Alive, 503),
)
async def readyz(health: ItsHealth) -> JSONResponse:
    """Whether it can do its work: the store answers, its schema is this release's, the engine answers, a worker asks
    for work - and it is not about to stop. `problems` names the parts that are not well."""
    parts = await health.parts()
    bad = ["stopping"] if health.stopping.is_set() else [name for name, well in parts.items() if not well]
    if not bad:
        return answer({"status": "ready"})
    said = "the coordinator is stopping" if bad == ["stopping"] else f"not ready: {', '.join(bad)}"
    return problems.told(503, "NotReady", said, bad, {"Retry-After": "1"})


@router.get("/metrics", operation_id="metrics", summary="What it counts", **text("text/plain", "# HELP pilotage_...\n"))
async def metrics(acting: ByToken, health: ItsHealth) -> Response:
    """Prometheus' text format. A token with the scope plan:read, of somebody who may see everything, is enough."""
    acting.caller.check(Right.VIEW)
    return Response(await counted.page(health), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/health", operation_id="health", summary="What runs, and what waits for what", **told(shapes.Health))
async def doctor(acting: ByToken, health: ItsHealth) -> JSONResponse:
    acting.caller.check(Right.VIEW)
    return answer(await health.report())


@router.post("/v1/shutdown", operation_id="shutdown", summary="Stop the coordinator", **told(shapes.Alive))
async def shutdown(acting: ByToken, health: ItsHealth) -> JSONResponse:
    """Rollouts go on when it is up again."""
    async with acting.noted("shutdown", "coordinator"):
        acting.caller.check(Right.ADMINISTER)
        health.stop()
    return answer({"status": "stopping"})
