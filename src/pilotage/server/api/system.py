"""The API of the coordinator itself: is it well, what does it count, stop it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pilotage.core.people import Right
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, text, told
from pilotage.server.api.models import system as shapes

router = APIRouter(tags=["system"])


@router.get("/healthz", operation_id="alive", summary="Is it alive?", **told(shapes.Alive))
async def healthz() -> JSONResponse:
    return answer({"status": "ok"})


@router.get("/metrics", operation_id="metrics", summary="What it counts", **text("text/plain", "# HELP pilotage_...\n"))
async def metrics(acting: ByToken) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/health", operation_id="health", summary="What runs, and what waits for what", **told(shapes.Health))
async def doctor(acting: ByToken, request: Request) -> JSONResponse:
    acting.caller.check(Right.VIEW)
    return answer(await request.app.state.health.report())


@router.post("/v1/shutdown", operation_id="shutdown", summary="Stop the coordinator", **told(shapes.Alive))
async def shutdown(acting: ByToken, request: Request) -> JSONResponse:
    """Rollouts go on when it is up again."""
    async with acting.noted("shutdown", "coordinator"):
        acting.caller.check(Right.ADMINISTER)
        request.app.state.health.stop()
    return answer({"status": "stopping"})
