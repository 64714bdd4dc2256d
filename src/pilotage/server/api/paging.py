"""Long lists a page at a time: `?limit=&cursor=`, and where the next page is in the header Link (RFC 8288)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import JSONResponse

from pilotage.core.errors import WrongRequest

MOST = 200
Limit = Annotated[int, Query(ge=1, le=MOST, description="rows of a page at most")]
Cursor = Annotated[
    str,
    Query(
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="where the page begins, from the header Link; else empty",
    ),
]
LINK = {
    "headers": {
        "Link": {
            "description": 'the next page, <ADDRESS>; rel="next"; not there on the last one',
            "schema": {"type": "string"},
        }
    }
}


Mark = tuple[str | int | float, ...]


def read_cursor(request: Request, cursor: str, *kinds: type) -> Any:
    """The mark in it, a tuple of `kinds`; None without one. Raises WrongRequest."""
    if not cursor:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        asked, mark = found
        good = asked == _asked(request) and len(mark) == len(kinds)
        good = good and all(type(one) is kind for one, kind in zip(mark, kinds, strict=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        good = False
    if not good:
        raise WrongRequest(
            "cursor: expected one of this list, with the same filters: take the address in the header Link"
        )
    return tuple(mark)


def page(request: Request, rows: Sequence[Any], mark: Mark | None) -> JSONResponse:
    """`mark`: where the next page begins; None when this is the last."""
    headers = {}
    if mark is not None:
        headers["Link"] = f'<{next_page(request, mark)}>; rel="next"'
    return JSONResponse(list(rows), headers=headers)


def next_page(request: Request, mark: Mark) -> str:
    """The address of the same list from after the mark on."""
    text = json.dumps([_asked(request), list(mark)], separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"


def sliced(
    request: Request, rows: Sequence[dict[str, Any]], limit: int, cursor: str, key: Callable[[dict[str, Any]], str]
) -> JSONResponse:
    """A page of a list that is short enough to be made as a whole. `key` names a row for good."""
    mark = read_cursor(request, cursor, int, str)
    begin = 0
    if mark is not None:
        place, name = mark
        places = [number for number, one in enumerate(rows) if key(one) == name]
        begin = places[0] + 1 if places else max(0, min(place, len(rows)))  # the row itself has gone meanwhile
    end = begin + limit
    found = rows[begin:end]
    return page(request, found, (end - 1, key(found[-1])) if end < len(rows) else None)


def _asked(request: Request) -> str:
    """The list and its filters, which a cursor belongs to."""
    filters = sorted((name, value) for name, value in request.query_params.multi_items() if name not in _PLACES)
    return hashlib.sha256(json.dumps([request.url.path, filters]).encode()).hexdigest()[:12]


_PLACES = ("cursor", "limit")
