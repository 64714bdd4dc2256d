"""Entries that are records, JSON or ``key=value`` (logfmt): their fields by meaning, whatever they are called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pilotage.core.heads import LEVELS


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_MESSAGE = _names("message msg event @message log text short_message @m @mt body MESSAGE textPayload")
_LEVEL = _names(
    "level severity lvl log.level levelname @l loglevel severityText severity_text level_name PRIORITY",
)
_LOGGER = _names(
    "logger logger_name log.logger loggerName component caller source module SYSLOG_IDENTIFIER category subsystem "
    "@i SourceContext name",
)
_STACK = _names(
    "stack stack_trace stacktrace exception exc_info error.stack_trace err.stack error.stack traceback @x errorVerbose "
    "exception.stacktrace thrown.extendedStackTrace jsonPayload.stack full_message"
)
_TYPE = _names(
    "error.type exception.type exception.class err.type error.name err.name exception_class exc_type error_type "
    "error.class thrown.name errorType"
)
_ERROR = _names(
    "error err error.message err.message exception.message exc_message error_message reason cause thrown.message"
)
_FUNCTION = _names("func function funcName funcname code.function source.function log.origin.function")
_STATUS = _names(
    "status status_code statusCode http.status http.status_code http.response.status_code response.status "
    "res.statusCode response.statusCode code httpStatus http_status response_code res.status"
)
_PINO = {10: 1, 20: 2, 30: 3, 40: 4, 50: 5, 60: 6}
_JOURNAL = {0: 6, 1: 6, 2: 6, 3: 5, 4: 4, 5: 3, 6: 3, 7: 2}
_DEPTH = 4
_LOGFMT = re.compile(r"""([A-Za-z_@][\w.@-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)""")


@dataclass(frozen=True)
class Fields:
    """A record's parts; empty texts and level 0 where it has none. `error`: what went wrong, beside the message."""

    level: int
    logger: str
    message: str
    error: str
    type: str
    stack: str
    status: str
    function: str


def parse(text: str) -> Fields | None:
    """The fields of a JSON object or a logfmt line; None for any other text."""
    start = text.lstrip()
    if start.startswith("{"):
        try:
            value, _ = json.JSONDecoder().raw_decode(start)
        except (ValueError, RecursionError):
            return None
        return _fields(dict(_flat(value, ""))) if isinstance(value, dict) else None
    if not any(name in text[:400] for name in ("level=", "lvl=", "severity=")):
        return None
    pairs = _LOGFMT.findall(text[:8192])
    known = {key: _unquoted(value) for key, value in pairs}
    if (
        len(known) >= 3
        and known.keys() & {"level", "lvl", "severity"}
        and known.keys() & {"msg", "message", "event", "err", "error"}
    ):
        return _fields(known)
    return None


def get(record: dict[str, Any], path: str) -> object:
    """The field at a dotted path; None when there is none. A key that holds the dots itself counts too."""
    if path in record:
        return record[path]
    value: object = record
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _flat(value: dict[str, Any], path: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        place = f"{path}.{key}" if path else key
        if isinstance(one, dict) and depth < _DEPTH:
            yield from _flat(one, place, depth + 1)
        else:
            yield place, one


def _unquoted(value: str) -> str:
    return value[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t") if value[:1] == '"' else value


def _fields(record: dict[str, Any]) -> Fields:
    def text(names: tuple[str, ...]) -> str:
        for name in names:
            value = record.get(name)
            if isinstance(value, str) and value:
                return value
            if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
                return "\n".join(value)
        return ""

    stack, error, message = text(_STACK), text(_ERROR), text(_MESSAGE)
    if not stack and "\n" in error:
        stack, error = error, ""
    if stack and "\n" not in stack:
        stack, error = "", error or stack
    status = next((str(record[name]) for name in _STATUS if name in record and isinstance(record[name], int | str)), "")
    if not (len(status) == 3 and status.isdigit() and "100" <= status < "600"):
        status = ""
    return Fields(_level(record), text(_LOGGER), message, error, text(_TYPE), stack, status, text(_FUNCTION))


def _level(record: dict[str, Any]) -> int:
    for name in _LEVEL:
        value = record.get(name)
        if name == "PRIORITY" and value is not None and str(value).isdigit():
            return _JOURNAL.get(int(value), 0)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _PINO.get(int(value), 0)
        if isinstance(value, str) and value:
            return LEVELS.get(value.upper(), _PINO.get(int(value), 0) if value.isdigit() and len(value) < 4 else 0)
    return 0
