"""Errors as problem+json (RFC 9457): what was expected, what came, where, what to do."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.core.errors import (
    ChecklistOpen,
    Forbidden,
    NotFound,
    PilotageError,
    PlanError,
    PreflightFailed,
    Refused,
    TooMany,
    Unauthorised,
)
from pilotage.server.observed import request_id

MEDIA = "application/problem+json"
STATUS_CODES: list[tuple[type[PilotageError], int]] = [
    (PlanError, 422),
    (PreflightFailed, 412),
    (ChecklistOpen, 412),
    (Refused, 409),
    (Forbidden, 403),
    (Unauthorised, 401),
    (NotFound, 404),
    (TooMany, 429),
]


def problem(error: PilotageError) -> JSONResponse:
    status = next((code for kind, code in STATUS_CODES if isinstance(error, kind)), 500)
    body: dict[str, Any] = {
        "type": type(error).__name__,
        "title": type(error).__name__,
        "status": status,
        "detail": str(error),
    }
    if asked := request_id.get():
        body["request_id"] = asked
    if isinstance(error, PlanError):
        body["problems"] = to_data(list(error.problems))
    if isinstance(error, PreflightFailed | ChecklistOpen):
        body["problems"] = list(error.problems)
    headers = {"WWW-Authenticate": 'Bearer realm="pilotage"'} if status == 401 else None
    if isinstance(error, TooMany):
        headers = {"Retry-After": f"{error.after_s:g}"}
    return JSONResponse(body, status_code=status, media_type=MEDIA, headers=headers)


def add_handlers(app: FastAPI) -> None:
    @app.exception_handler(PilotageError)
    async def refused(request: Request, error: PilotageError) -> JSONResponse:
        return problem(error)
