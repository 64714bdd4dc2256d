"""The API of how deliveries went."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from pilotage.deliveries import Filters
from pilotage.server.access import ByToken

router = APIRouter(prefix="/v1", tags=["history"])


@router.get("/history")
async def history(
    acting: ByToken,
    days: Annotated[int, Query(ge=1, le=366, description="the last so many days")] = 30,
    service: Annotated[str, Query(max_length=64, description="one service only")] = "",
    environment: Annotated[str, Query(max_length=64, description="one environment only")] = "",
) -> dict[str, Any]:
    """DORA's figures of the rollouts that you may see, altogether and by service and environment."""
    filters = Filters(days, service, environment)
    return await acting.coordinator.telling.history(filters, acting.coordinator.clock.now(), acting.sees)
