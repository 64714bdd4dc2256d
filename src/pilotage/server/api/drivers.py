"""The API of drivers: which are installed, and what a plan's metrics give now."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from pilotage.driverbook import as_data, resolve
from pilotage.drivers.about import about, every
from pilotage.drivers.secrets import hide
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.models import tools as shapes
from pilotage.server.api.models.asked import NAME, Plan
from pilotage.sounding import sound

CALL_WITHIN_S = 10.0
router = APIRouter(prefix="/v1", tags=["drafts and checks"])
Named = Annotated[str, Path(max_length=64, pattern=NAME)]


@router.get("/drivers", operation_id="listDrivers", summary="Those that are installed", **told(list[shapes.Driver]))
async def drivers(acting: ByToken) -> JSONResponse:
    return answer(await asyncio.to_thread(lambda: [_data(one) for one in every()]))


@router.get(
    "/drivers/{port}/{name}",
    operation_id="viewDriver",
    summary="One: its options, and an example",
    **told(shapes.Driver, 404),
)
async def driver(acting: ByToken, port: Named, name: Named) -> JSONResponse:
    def found() -> dict[str, Any]:
        place, short = resolve(f"{port}/{name}")[0]
        return _data(about(place, short))

    return answer(await asyncio.to_thread(found))


def _data(one: Any) -> dict[str, Any]:
    """Strict JSON."""
    return dict(json.loads(json.dumps(as_data(one)), parse_constant=lambda _: None))


@router.post(
    "/plans/{plan}/metrics",
    operation_id="tryMetrics",
    summary="What its metrics give now",
    **told(shapes.Sounded, 404),
)
async def metrics(acting: ByToken, plan: Plan, asked: shapes.MetricsRequest) -> JSONResponse:
    """Each is read twice, for both groups; what does not come is said, with what is there instead. Nothing is
    changed."""
    known = (await acting.trusted(plan)).plan
    found = await sound(known, acting.coordinator.state, asked.apart_s, CALL_WITHIN_S)
    secrets = [ref.options for ref in known.measures.sources.values()]
    hidden = hide(json.dumps(found.as_data(), ensure_ascii=False), secrets)
    return answer(json.loads(hidden, parse_constant=lambda _: None))
