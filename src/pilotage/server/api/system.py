"""The API of the coordinator itself: is it well, what does it count, stop it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pilotage.core.people import Right
from pilotage.server.access import ByToken

router = APIRouter(tags=["system"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/metrics")
async def metrics(acting: ByToken) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/health")
async def doctor(acting: ByToken, request: Request) -> dict[str, Any]:
    acting.caller.check(Right.VIEW)
    report: dict[str, Any] = await request.app.state.health.report()
    return report


@router.post("/v1/shutdown")
async def shutdown(acting: ByToken, request: Request) -> dict[str, str]:
    async with acting.noted("shutdown", "coordinator"):
        acting.caller.check(Right.ADMINISTER)
        request.app.state.health.stop()
    return {"status": "stopping"}
