"""The sections `notify` and `messages`: who is told, when, and in whose words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from pilotage.core.announcing import KINDS
from pilotage.core.model import AUDIENCES, Audience, Channel, Quiet
from pilotage.planfile.document import Node
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader
from pilotage.planfile.zones import time_zone

OWN = ("audience", "only", "quiet")
TIME_OF_DAY = r"(?:[01]\d|2[0-3]):[0-5]\d"


def channels(reader: Reader, node: Node | None) -> tuple[Channel, ...]:
    rows = reader.items(node, "notify", "notify drivers") if node is not None and node.value != [] else []
    found = []
    for path, row in rows:
        ref = driver(reader, row, path, "notify", OWN)
        entries = row.value if isinstance(row.value, dict) else {}
        audience = reader.one_of(entries.get("audience"), f"{path}.audience", AUDIENCES) or "incident"
        only = _only(reader, entries.get("only"), f"{path}.only")
        quiet = _quiet(reader, entries.get("quiet"), f"{path}.quiet")
        if ref is not None:
            found.append(Channel(ref, cast(Audience, audience), only, quiet))
    return tuple(found)


def templates(reader: Reader, node: Node | None, directory: Path) -> str:
    """The folder of the team's templates, which is there; what is in it is looked at elsewhere."""
    found = reader.mapping(node, "messages", ("templates",), ("templates",))
    name = reader.text(found.get("templates"), "messages.templates", "a folder, relative to this file", limit=300)
    if name is not None and not (directory / name).is_dir():
        reader.wrong("messages.templates", found["templates"], f"a folder that is there ({directory / name})")
    return name or ""


def _only(reader: Reader, node: Node | None, path: str) -> tuple[str, ...]:
    rows = [] if node is None else reader.items(node, path, f"kinds of messages: {', '.join(KINDS)}")
    kinds: list[str] = []
    for at, row in rows:
        kind = reader.one_of(row, at, KINDS)
        if kind in kinds:
            reader.wrong(at, row, "each kind once", f"{kind} again")
        elif kind is not None:
            kinds.append(kind)
    return tuple(kinds)


def _quiet(reader: Reader, node: Node | None, path: str) -> Quiet | None:
    found = reader.mapping(node, path, ("from", "until", "zone"), ("from", "until"))
    if not found:
        return None
    zone = time_zone(reader, found.get("zone"), f"{path}.zone") if "zone" in found else None
    begins, ends = (_minutes(reader, found.get(name), f"{path}.{name}") for name in ("from", "until"))
    if begins is None or ends is None:
        return None
    if begins == ends:
        reader.wrong(f"{path}.until", found["until"], "another time than from")
    return Quiet(begins, ends, zone.key if zone is not None else "UTC")


def _minutes(reader: Reader, node: Node | None, path: str) -> int | None:
    text = reader.text(node, path, 'a time of day in quotes such as "22:00"', TIME_OF_DAY)
    if text is None or not re.fullmatch(TIME_OF_DAY, text):
        return None
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
