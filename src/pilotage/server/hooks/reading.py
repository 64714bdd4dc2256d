"""A message of another tool, as data: bounded, and every field looked at before it is believed."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request

from pilotage.core.errors import PilotageError, Problem
from pilotage.core.redact import redact

MOST_BYTES = 1024 * 1024
DEEPEST = 32
LONGEST_NAME, LONGEST_WORDS = 128, 300


class TooLong(PilotageError):
    pass


class NotUnderstood(PilotageError):
    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class NothingToDo(Exception):
    """It was understood, and is none of those that act."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def bounded(request: Request) -> bytes:
    """Raises TooLong before more than that is kept."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLong(f"a message to a hook has {MOST_BYTES} bytes at most")
    return bytes(body)


def parsed(body: bytes) -> dict[str, Any]:
    """Raises NotUnderstood."""
    try:
        found = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotUnderstood(Problem("(body)", "JSON in UTF-8", "something else")) from None
    if not isinstance(found, dict):
        raise NotUnderstood(Problem("(body)", "a JSON object", type(found).__name__))
    level: list[Any] = [found]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inner(one)]
        if not level:
            return found
    raise NotUnderstood(Problem("(body)", f"an object nested {DEEPEST} levels deep at most", "a deeper one"))


def at(found: Any, *path: str) -> Any:
    """What stands there; None when anything on the way is missing, or something else than an object."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def name(found: Any, *path: str) -> str:
    """Text or a whole number, as one word of the record; empty when there is none, or one that is too long."""
    value = at(found, *path)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = _storable(str(value)).strip()
    return text if len(text) <= LONGEST_NAME and text.isprintable() else ""


def words(found: Any, *path: str) -> str:
    """Text for people on one line, without what looks like a secret; empty when there is none."""
    value = at(found, *path)
    if not isinstance(value, str):
        return ""
    line = " ".join(redact(_storable(value[: LONGEST_WORDS * 4])).split())
    return line if len(line) <= LONGEST_WORDS else f"{line[: LONGEST_WORDS - 3]}..."


def link(found: Any, *path: str) -> str:
    """An http address, or nothing."""
    text = words(found, *path)
    return text if text.startswith(("https://", "http://")) and " " not in text and not text.endswith("...") else ""


def _storable(text: str) -> str:
    """JSON may hold halves of characters, which no database takes."""
    return text.encode(errors="replace").decode()


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _no_number(constant: str) -> None:
    raise ValueError(constant)
