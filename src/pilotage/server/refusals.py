"""How a request is turned away before any route sees it: problem+json for programs, a plain page for people."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

MEDIA = "application/problem+json"
MCP = "/mcp"
"""Where agents are served."""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Pilotage</title><link rel="stylesheet" href="/static/pilotage.css"></head>
<body><main id="main"><h1>{title}</h1><p>{detail}</p><p><a href="/">To the rollouts</a></p></main></body></html>
"""


def is_api(path: str) -> bool:
    return path.startswith("/v1/") or path in ("/v1", MCP, "/metrics", "/healthz", "/readyz", "/openapi.json")


def wants_page(scope: Scope) -> bool:
    accepted = Headers(scope=scope).get("accept", "")
    return not is_api(scope["path"]) and "text/html" in accepted


def refusal(scope: Scope, status: int, name: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """`name` is the problem's type, as the names of our errors are."""
    if wants_page(scope):
        title = HTTPStatus(status).phrase
        return HTMLResponse(PAGE.format(title=escape(title), detail=escape(detail)), status, headers)
    body = {"type": name, "title": name, "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type=MEDIA)
