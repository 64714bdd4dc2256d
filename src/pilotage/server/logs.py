"""The log's lines: for people, or as JSON; with the request's id and the trace's."""

from __future__ import annotations

import logging
import os
from collections.abc import MutableMapping
from typing import Any

import structlog

from pilotage import tracing
from pilotage.core import traceparent
from pilotage.server.observed import request_id

LEVEL, FORMAT = "PILOTAGE_LOG_LEVEL", "PILOTAGE_LOG_FORMAT"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure() -> None:
    """Unknown values count as the usual ones: a coordinator starts all the same."""
    level = _LEVELS.get(os.environ.get(LEVEL, "").strip().lower(), logging.INFO)
    as_json = os.environ.get(FORMAT, "").strip().lower() == "json"
    last: list[Any] = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            where,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(last if as_json else [structlog.dev.ConsoleRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )


def where(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whose request it belongs to, and which span."""
    if asked := request_id.get():
        event["request_id"] = asked
    if found := traceparent.read(tracing.here()):
        event["trace_id"], event["span_id"] = found.trace, found.span
    return event
