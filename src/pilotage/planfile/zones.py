"""Time zones by their IANA names."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader

PATTERN = r"[A-Za-z0-9_+/-]{1,60}"


def time_zone(reader: Reader, node: Node | None, path: str) -> ZoneInfo | None:
    name = reader.text(node, path, "a time zone such as Europe/Berlin or UTC", PATTERN)
    try:
        return ZoneInfo(name) if name is not None else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "Three letters such as CST mean several places; name the city's zone."
        reader.wrong(path, node, "a time zone such as Europe/Berlin or UTC", hint=hint)
        return None
