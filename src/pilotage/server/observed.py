"""Around every request: its id, its span, its time; and event streams end when the coordinator does."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage import tracing
from pilotage.core import traceparent
from pilotage.telemetry import HTTP_SECONDS, STREAMS
from pilotage.tracing import Span

log = structlog.get_logger()

request_id: ContextVar[str] = ContextVar("request_id", default="")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_UNTRACED = ("/healthz", "/readyz", "/metrics", "/static/")
"""Asked for again and again, by machines."""


class Streams:
    """The event streams that are open. `end` ends them, as nobody else would before the process does."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[Any]] = set()
        self.ending = False

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, task: asyncio.Task[Any]) -> None:
        self._open.add(task)
        STREAMS.set(len(self._open))
        if self.ending:
            task.cancel()

    def leave(self, task: asyncio.Task[Any]) -> None:
        self._open.discard(task)
        STREAMS.set(len(self._open))

    def end(self) -> None:
        self.ending = True
        for task in self._open:
            task.cancel()


class Observed:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, streams: Streams) -> None:
        self._app = app
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        said = given.get("x-request-id", "")
        token = request_id.set(said if _ID.fullmatch(said) else secrets.token_hex(8))
        above = str(traceparent.read(given.get("traceparent", "")) or "")
        quiet = scope["path"].startswith(_UNTRACED) and not above
        try:
            with nullcontext(tracing.NOTHING) if quiet else tracing.span("HTTP", "server", above=above) as span:
                await _Answer(self._app, self._streams, scope, span).give(receive, send)
        finally:
            request_id.reset(token)


class _Answer:
    def __init__(self, app: ASGIApp, streams: Streams, scope: Scope, span: Span) -> None:
        self._app = app
        self._streams = streams
        self._scope = scope
        self._span = span
        self._began = time.perf_counter()
        self._status = 500
        self._stream: asyncio.Task[Any] | None = None
        self._told = False
        self._complete = False

    async def give(self, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._begins(message)
            self._complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(self._scope, receive, sending)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is None or me is not self._stream or not self._streams.ending:
                raise
            me.uncancel()
        finally:
            if self._stream is not None:
                self._streams.leave(self._stream)
            self._tell()
        if self._stream is not None and self._streams.ending and not self._complete:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _begins(self, message: Message) -> None:
        self._status = int(message["status"])
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = request_id.get()
        task = asyncio.current_task()
        if headers.get("content-type", "").startswith("text/event-stream") and task is not None:
            self._stream = task
            self._tell()  # it lasts for hours: its span and its time end where it begins
            self._streams.enter(task)

    def _tell(self) -> None:
        if self._told:
            return
        self._told = True
        asked, took = str(self._scope["method"]), time.perf_counter() - self._began
        method, route = asked if asked in _METHODS else "other", route_of(self._scope)
        HTTP_SECONDS.labels(method, route or "unknown", str(self._status)).observe(took)
        self._span.rename(f"{method} {route}".strip())
        self._span.note(
            {
                "http.request.method": method if method != "other" else "_OTHER",
                "http.response.status_code": self._status,
                "url.scheme": str(self._scope["scheme"]),
                "network.protocol.version": str(self._scope["http_version"]),
            },
            request=request_id.get(),
        )
        if route:
            self._span.note({"http.route": route})
        if self._status >= 500:
            self._span.failed(str(self._status))
        log.debug("request", method=method, route=route, status=self._status, took_s=round(took, 4))
        if self._stream is not None:
            self._span.end()


def route_of(scope: Scope) -> str:
    """The template of the route that answered, without what was filled in; empty when none did."""
    path = str(getattr(scope.get("route"), "path", ""))
    return f"{path}/" if path and not getattr(scope.get("route"), "methods", None) else path
