"""The API of how deliveries went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from pilotage.deliveries import Filters
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.models import history as shapes
from pilotage.server.api.models.asked import NO_NUL

router = APIRouter(prefix="/v1", tags=["history"])


@router.get(
    "/history",
    operation_id="history",
    summary="How deliveries went, in DORA's figures",
    **told(shapes.History),
)
async def history(
    acting: ByToken,
    days: Annotated[int, Query(ge=1, le=366, description="the last so many days")] = 30,
    service: Annotated[str, Query(max_length=64, pattern=NO_NUL, description="one service only")] = "",
    environment: Annotated[str, Query(max_length=64, pattern=NO_NUL, description="one environment only")] = "",
) -> JSONResponse:
    """Of the rollouts that you may see, altogether and by service and environment, with weekly trends."""
    filters, now = Filters(days, service, environment), acting.coordinator.clock.now()
    return answer(await acting.coordinator.telling.history(filters, now, acting.sees))
