"""Names of streams. They carry what finds a file again after a restart, wherever rotation has put it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.drivers.logs.opened import Ident, Print

_STREAM = re.compile(r"(?P<path>.*)#(?P<dev>[0-9a-f]+)-(?P<ino>[0-9a-f]+)-(?P<size>\d+)-(?P<digest>\w+)", re.DOTALL)
_MARKER = re.compile(r"(?P<path>.*)#after-(?P<size>\d+)-(?P<digest>\w+)", re.DOTALL)


@dataclass(frozen=True)
class Place:
    stream: str
    path: str
    ident: Ident
    print: Print
    offset: int


@dataclass(frozen=True)
class Marker:
    """The stream without bytes of a file that is still empty. `after` is the generation before it (size 0: none)."""

    stream: str
    path: str
    after: Print


def stream_name(path: str, ident: Ident, head: Print, turn: int = 0) -> str:
    """`turn` tells generations apart that begin alike in the same inode."""
    again = f"x{turn}" if turn else ""
    return f"{path}#{ident[0]:x}-{ident[1]:x}-{head.size}-{head.digest}{again}"


def marker_name(path: str, after: Print) -> str:
    return f"{path}#after-{after.size}-{after.digest}"


def parse(places: Mapping[str, int]) -> tuple[list[Place], list[Marker]]:
    """What is stored, as far as it is ours."""
    known, markers = [], []
    for stream, offset in places.items():
        if found := _MARKER.fullmatch(stream):
            markers.append(Marker(stream, found["path"], Print(int(found["size"]), found["digest"])))
        elif found := _STREAM.fullmatch(stream):
            head = Print(int(found["size"]), found["digest"].partition("x")[0])
            known.append(Place(stream, found["path"], (int(found["dev"], 16), int(found["ino"], 16)), head, offset))
    return known, markers
