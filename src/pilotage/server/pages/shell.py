"""What every page shares: the templates, and what they may always use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import pilotage

HERE = Path(__file__).parent
templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["version"] = pilotage.__version__


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The template, filled in. It may use `caller` and `csrf` besides."""
    about = {"caller": request.state.caller, "csrf": request.state.csrf, "path": request.url.path}
    return HTMLResponse(templates.get_template(name).render(**about, **values), status)
