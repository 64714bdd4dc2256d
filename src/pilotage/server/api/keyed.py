"""Writes with an Idempotency-Key: a request that is sent again, after a lost connection, acts once.

A key is one caller's, and kept for a day. A rollback has none: it may always be repeated, and waits for nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from pilotage.core.errors import PilotageError
from pilotage.server.access import Access, access_of
from pilotage.server.problems import MEDIA, of_http, problem, told, wrong_request
from pilotage.store import answers
from pilotage.store.answers import BeingAnswered, Kept, OtherRequest

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
AGAIN_AFTER_S = 1
UNKEYED = "rollback"
MARK = "x-keyed"
DESCRIBED: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "of your choice, new for each request: sent again with the same key, a request acts once",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
    "example": "5f0c1f0e-7d0b-4b0a-9a53-2f6f1a2f9c11",
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Keyed(APIRoute):
    """A route whose writes may carry a key; the description says so where it finds the mark."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        if set(more.get("methods") or ()) == {"POST"} and more.get("operation_id") != UNKEYED:
            more["openapi_extra"] = {**(more.get("openapi_extra") or {}), MARK: True}
        super().__init__(path, endpoint, **more)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        return _with_keys(handle) if (self.openapi_extra or {}).get(MARK) else handle


def _with_keys(handle: Handler) -> Handler:
    async def keyed(request: Request) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return await handle(request)
        if not re.fullmatch(r"[!-~]{1,128}", key):
            return told(400, "NotReadable", f"{HEADER}: 1 to 128 visible ASCII signs are expected")
        return await _once(request, key, handle)

    return keyed


async def _once(request: Request, key: str, handle: Handler) -> Response:
    access = access_of(request)
    caller = await access.by_token(request)
    who = f"{caller.kind}:{caller.credential or caller.name}"[:160]
    place = (key, who)
    answering: set[tuple[str, str]] = request.app.state.answering
    store, at = access.coordinator.store, access.coordinator.clock.now()
    try:
        kept = await store.run(answers.claim, key, who, await _hash(request), at, place in answering)
    except OtherRequest as error:
        return told(422, "OtherRequest", str(error))
    except BeingAnswered as error:
        return told(409, "BeingAnswered", str(error), None, {"Retry-After": str(AGAIN_AFTER_S)})
    if kept is not None:
        return _again(kept)
    answering.add(place)
    try:
        response = await _answered(request, handle)
        await _keep(access, key, who, response)
    except Exception:
        await store.run(answers.forget, key, who)
        raise
    finally:
        answering.discard(place)
    return response


async def _answered(request: Request, handle: Handler) -> Response:
    """A refusal is an answer, too."""
    try:
        return await handle(request)
    except PilotageError as error:
        answered = problem(error)
        if answered.status_code >= 500:
            raise
        return answered
    except RequestValidationError as error:
        return wrong_request(request, error)
    except HTTPException as error:
        return of_http(request, error)


async def _keep(access: Access, key: str, who: str, response: Response) -> None:
    store = access.coordinator.store
    if response.status_code >= 500 or not isinstance(response, JSONResponse):
        await store.run(answers.forget, key, who)
        return
    try:
        await store.run(answers.keep, key, who, Kept(response.status_code, bytes(response.body).decode()))
    except Exception as error:  # what was done is done, and is answered all the same
        log.error("an answer could not be kept for its key", error=type(error).__name__)


def _again(kept: Kept) -> Response:
    media = MEDIA if kept.status >= 400 else "application/json"
    return Response(kept.body, kept.status, {REPLAYED: "true"}, media)


async def _hash(request: Request) -> str:
    """Of method, address and body."""
    about = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(about + await request.body()).hexdigest()
