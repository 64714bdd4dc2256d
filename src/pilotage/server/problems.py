"""Errors as problem+json (RFC 9457): what was expected, what came, where, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pilotage.codec import to_data
from pilotage.core.errors import (
    ChecklistOpen,
    Forbidden,
    NotFound,
    PermanentError,
    PilotageError,
    PlanError,
    PreflightFailed,
    Refused,
    TemporaryError,
    TooMany,
    Unauthorised,
    WrongRequest,
)
from pilotage.core.redact import redact
from pilotage.server.observed import request_id

log = structlog.get_logger()

MEDIA = "application/problem+json"
STATUS_CODES: list[tuple[type[PilotageError], int]] = [
    (PlanError, 422),
    (WrongRequest, 422),
    (PreflightFailed, 412),
    (ChecklistOpen, 412),
    (Refused, 409),
    (Forbidden, 403),
    (Unauthorised, 401),
    (NotFound, 404),
    (TooMany, 429),
    (TemporaryError, 503),
    (PermanentError, 409),
]
KINDS = {
    400: "NotReadable",
    404: "NotFound",
    405: "WrongMethod",
    413: "TooLarge",
    415: "NotJson",
    422: "WrongRequest",
    429: "TooMany",
    500: "InternalError",
    503: "Unavailable",
}
MOST_PROBLEMS = 50
AUTHENTICATE = {"WWW-Authenticate": 'Bearer realm="pilotage"'}


def problem(error: PilotageError) -> JSONResponse:
    status = next((code for kind, code in STATUS_CODES if isinstance(error, kind)), 500)
    problems: list[Any] | None = None
    if isinstance(error, PlanError):
        problems = to_data(list(error.problems))
    if isinstance(error, PreflightFailed | ChecklistOpen):
        problems = list(error.problems)
    headers = AUTHENTICATE if status == 401 else None
    if isinstance(error, TooMany):
        headers = {"Retry-After": f"{error.after_s:g}"}
    return told(status, type(error).__name__, str(error), problems, headers)


def told(
    status: int,
    kind: str,
    detail: str,
    problems: list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem that no error of ours stands for."""
    body: dict[str, Any] = {"type": kind, "title": kind, "status": status, "detail": detail}
    if asked := request_id.get():
        body["request_id"] = asked
    if problems is not None:
        body["problems"] = problems
    return JSONResponse(body, status_code=status, media_type=MEDIA, headers=headers)


def wrong_request(request: Request, error: RequestValidationError) -> JSONResponse:
    """400 for what is no JSON, 415 for what is not sent as such, else 422 with every mistake."""
    found = error.errors()[:MOST_PROBLEMS]
    if any(one["type"] == "json_invalid" for one in found):
        place = next(one["loc"][-1] for one in found if one["type"] == "json_invalid")
        return told(400, KINDS[400], f"the body is no JSON: it cannot be read from sign {place} on")
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if error.body is not None and not sent.endswith("json"):
        came = f"got {sent[:80]}" if sent else "and there is none"
        return told(415, KINDS[415], f"Content-Type: application/json is expected, {came}")
    problems = [{"path": _path(one["loc"]), "expected": _expected(one), "got": _got(one)} for one in found]
    lines = [f"{one['path']}: {one['expected']}" for one in problems]
    return told(422, KINDS[422], "\n".join(lines), problems)


def _path(place: tuple[int | str, ...]) -> str:
    """``body.items[2]``."""
    path = str(place[0]) if place else "(request)"
    for one in place[1:]:
        path += f"[{one}]" if isinstance(one, int) else f".{str(one)[:80]}"
    return path.encode("utf-8", "replace").decode()


def _expected(one: Mapping[str, Any]) -> str:
    return str(one["msg"]).removeprefix("Value error, ").encode("utf-8", "replace").decode()


def _got(one: Mapping[str, Any]) -> str:
    """Its kind alone: what was sent may be a secret, or large."""
    if one["type"] == "missing":
        return "nothing"
    value = one.get("input")
    names = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "something else")


def add_handlers(app: FastAPI) -> None:
    @app.exception_handler(PilotageError)
    async def refused(request: Request, error: PilotageError) -> JSONResponse:
        answered = problem(error)
        if answered.status_code >= 500:
            log.error("a request failed", path=request.url.path, error=redact(str(error)))
        return answered

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> JSONResponse:
        return wrong_request(request, error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return of_http(request, error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", path=request.url.path, error=type(error).__name__)
        return told(
            500, KINDS[500], "this is a mistake of ours; the coordinator's log has it. It was not your request."
        )


def of_http(request: Request, error: HTTPException) -> JSONResponse:
    status = error.status_code
    detail = str(error.detail)
    if detail == _phrase(status):
        possible = dict(error.headers or {}).get("Allow", "another method")
        detail = {
            404: f"there is nothing at {request.url.path}; /openapi.json says what there is",
            405: f"{request.method} is not possible here; {possible} is",
        }.get(status, detail)
    if status == 400 and detail == "There was an error parsing the body":
        detail = "the body cannot be read as JSON: its encoding is wrong, or it is nested too deeply"
    return told(status, KINDS.get(status, _phrase(status).replace(" ", "") or "Problem"), detail, None, error.headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
