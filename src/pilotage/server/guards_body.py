"""Bodies: none larger, slower or more deeply nested than any that Pilotage has a use for. They are read here, whole, so
that no parser sees another."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.server.refusals import refusal

LARGEST = 2 * 1024 * 1024
DEEPEST = 64
MOST_BRACKETS = 20_000
WITHIN_S = 30.0
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""Takes the rest of the body for a string that does not end: no byte is looked at twice."""
_NO_BRACKETS = bytes(one for one in range(256) if one not in b"[]{}")


class Gone(Exception):
    """The client went before it had said all."""


class TooLarge(Exception):
    pass


class Bodies:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if not ("content-length" in headers or "transfer-encoding" in headers):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(WITHIN_S):
                body = await _whole(headers, receive)
        except Gone:
            return
        except TooLarge:
            await _closing(refusal(scope, 413, "TooLarge", f"a body has {LARGEST} bytes at most"))(scope, receive, send)
            return
        except TimeoutError:
            slow = f"the body has to come within {WITHIN_S:g} s"
            await _closing(refusal(scope, 408, "TooSlow", slow))(scope, receive, send)
            return
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        wrong = "" if kind in FORMS else nesting(body)
        if wrong:
            await refusal(scope, 400, "TooDeep", wrong)(scope, receive, send)
            return
        await self.app(scope, _again(body, receive), send)


async def _whole(headers: Headers, receive: Receive) -> bytes:
    told = headers.get("content-length", "0")
    if told.isdigit() and int(told) > LARGEST:
        raise TooLarge
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            raise TooLarge
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


def _closing(answer: Response) -> Response:
    """What was not read would be taken for the next request."""
    answer.headers["Connection"] = "close"
    return answer


def nesting(body: bytes) -> str:
    """What is wrong with it, before anything parses it; empty: nothing."""
    if b"\0" in body:
        return "a body is UTF-8, and this one has NUL bytes"
    brackets = body.translate(None, _NO_BRACKETS)
    if len(brackets) <= DEEPEST:
        return ""
    brackets = _STRINGS.sub(b"", body).translate(None, _NO_BRACKETS)
    if len(brackets) > MOST_BRACKETS:
        return f"a body has {MOST_BRACKETS} brackets at most, and this one has {len(brackets)}"
    depth = 0
    for one in brackets:
        depth += 1 if one in b"[{" else -1
        if depth > DEEPEST:
            return f"a body is nested {DEEPEST} levels deep at most, and this one is deeper"
    return ""
