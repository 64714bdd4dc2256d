"""How a route says what it answers: ``@router.get("/x", **told(Model, 404))``."""

from __future__ import annotations

from typing import Any

from fastapi.responses import JSONResponse, Response

from pilotage.server.api.models.problem import refusals


def told(model: Any, *problems: int, status: int = 200, example: Any = None, **more: Any) -> dict[str, Any]:
    """`model` describes the answer; it is given as it is, so that no description stands between a person and a
    rollback. `problems` are the statuses of errors beside those that every route may give."""
    success: dict[str, Any] = {"model": model}
    if example is not None:
        success["content"] = {"application/json": {"example": example}}
    success |= more.pop("success", {})
    return {
        "status_code": status,
        "response_model": None,
        "responses": {status: success, **refusals(*problems)},
        **more,
    }


def text(media: str, example: str, *problems: int, media_too: tuple[str, ...] = ()) -> dict[str, Any]:
    """An answer that is no JSON; `media_too`: it may be of these types instead."""
    content: dict[str, Any] = {media: {"schema": {"type": "string"}, "example": example}}
    content |= {one: {"schema": {"type": "string"}} for one in media_too}
    return {
        "response_model": None,
        "response_class": Response,
        "responses": {200: {"description": "The text", "content": content}, **refusals(*problems)},
    }


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(data, status, headers)
