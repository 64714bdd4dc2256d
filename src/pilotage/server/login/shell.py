"""The pages of a login: they are shown to nobody in particular, so they share nothing with the others but the style."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
LONGEST = 1000


def plain(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(templates.get_template(name).render(**values), status)


def sorry(text: str, status: int) -> HTMLResponse:
    """What went wrong with a login, and how to go on."""
    return plain("sorry.html", status, text=text)


def inside(next: str) -> str:
    """Where to go after the login: a page of ours, whatever the address said."""
    good = next.startswith("/") and not next.startswith("//") and len(next) <= LONGEST and next.isprintable()
    if not good or "\\" in next:
        return "/"
    try:
        parts = urlsplit(next)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc or parts.path.startswith(("/login", "/logout")) else next
