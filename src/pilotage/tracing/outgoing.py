"""Requests to other services. They have spans; the trace's id is told only to hosts that the team names as its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from pilotage import tracing
from pilotage.tracing import Span

OWN = "PILOTAGE_TRACE_HOSTS"


def is_own(host: str) -> bool:
    """Among the names in PILOTAGE_TRACE_HOSTS: separated by commas, ``*`` for any part. Usually there are none."""
    wanted = (one.strip().lower() for one in os.environ.get(OWN, "").split(","))
    return any(one and fnmatchcase(host.lower(), one) for one in wanted)


@dataclass(frozen=True)
class Outgoing:
    span: Span
    host: str

    def marked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The request's options, with the header where the trace goes on."""
        here = tracing.here()
        if not here or not is_own(self.host):
            return dict(options)
        return {**options, "headers": {**dict(options.get("headers") or {}), "traceparent": here}}

    def answered(self, status: int) -> None:
        self.span.note({"http.response.status_code": status})
        if status >= 400:
            self.span.failed(str(status))


@contextmanager
def asked(method: str, url: str) -> Iterator[Outgoing]:
    """Neither path nor query are told: services take keys and names of customers there."""
    with tracing.within(method, "client") as span:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            host, port = "", 0
        span.note({"http.request.method": method, "server.address": host, "server.port": port})
        yield Outgoing(span, host)
