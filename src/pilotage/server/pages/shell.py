"""What every page shares: the templates and what they may always use, and how a page says that something went wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import pilotage
from pilotage.core.errors import PilotageError, TooMany
from pilotage.core.quantities import duration
from pilotage.server.problems import STATUS_CODES
from pilotage.server.sessions import NobodyYet

HERE = Path(__file__).parent
NAV: list[tuple[str, str]] = [
    ("/", "Rollouts"),
    ("/plans", "Plans"),
    ("/approvals", "Approvals"),
    ("/history", "History"),
    ("/follow-ups", "Follow-ups"),
    ("/freezes", "Freezes"),
    ("/people", "People"),
]
"""The main navigation: address and name."""

HEADINGS = {
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    409: "Not possible now",
    412: "Not possible now",
    422: "That could not be read",
    429: "Too often",
    503: "Not possible just now",
}


@lru_cache(maxsize=64)
def static(name: str) -> str:
    """The file's address, which changes with its content."""
    return f"/static/{name}?{hashlib.sha256((HERE / 'static' / name).read_bytes()).hexdigest()[:12]}"


def iso(at: float) -> str:
    """For `<time datetime>`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(at: float) -> str:
    """What stands in `<time>` until the reader's browser writes it in its own zone: UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def slug(name: str) -> str:
    """Fit for an element's id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def tied(text: str) -> str:
    """A number and its percent sign stay on one line."""
    return text.replace(" %", "\u00a0%")


templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["version"] = pilotage.__version__
templates.globals["static"] = static
templates.filters["iso"] = iso
templates.filters["moment"] = moment
templates.filters["lasting"] = duration
templates.filters["slug"] = slug
templates.filters["tied"] = tied


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The template, filled in. It may use `caller`, `csrf`, `path` and `nav` besides; the first two are empty for
    somebody who has not come in."""
    state = request.state
    about = {"caller": getattr(state, "caller", None), "csrf": getattr(state, "csrf", ""), "path": request.url.path}
    html = templates.get_template(name).render(**about, nav=NAV, **values)
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})


def part(name: str, **values: Any) -> str:
    """A piece of a page: the same for everybody who may see it."""
    return templates.get_template(name).render(**values)


def asked_by_script(request: Request) -> bool:
    """htmx asks for a piece; a form without JavaScript gets a whole page."""
    return request.headers.get("hx-request") == "true"


def _failed(request: Request, error: PilotageError) -> HTMLResponse:
    status = next((code for kind, code in STATUS_CODES if isinstance(error, kind)), 500)
    heading = HEADINGS.get(status, "Something went wrong")
    problems = list(getattr(error, "problems", ()))
    detail = str(error) if not problems else str(error).splitlines()[0]
    if asked_by_script(request):
        answer = HTMLResponse(part("answer.html", tone="bad", text=str(error)), status)
    else:
        answer = page(request, "error.html", status, heading=heading, detail=detail, problems=problems)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = f"{error.after_s:g}"
    return answer


class PageRoute(APIRoute):
    """A page's errors are pages, too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except NobodyYet:
                raise
            except PilotageError as error:
                return _failed(request, error)
            except RequestValidationError as error:
                said = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
                return page(
                    request, "error.html", 422, heading="That could not be read", detail=said[:500], problems=[]
                )

        return handled


def pages_router() -> APIRouter:
    """What each file of pages makes its routes with."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)
