"""A container's log as the API server gives it: lines with their instants, and how far they have been handed out.

The API knows whole seconds only (`sinceTime`). A place is therefore a second and a number of lines from there on: what
is in the file since that second does not change, it only grows, whatever order the lines' instants have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

PAGE = 7 * 1024 * 1024
"""An answer's bytes, instants included; the client takes 8 MiB at most."""
_NS = 1_000_000_000
_LATE_NS = 100_000_000
"""What a container writes to both of its outputs may be noted that much out of order."""
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
_KUBELET = re.compile(rb"(unable to retrieve|failed to (try|open|tail|seek|read|create)|rpc error)")


class Line(NamedTuple):
    at: int
    """Nanoseconds, Unix."""
    text: bytes
    """With its end."""


@dataclass(frozen=True)
class Reached:
    """`count` lines since the second `since` (None: the log's beginning) of the container's run `run` were handed out.

    The last of them is of the instant `last`. Lines up to `floor` are another run's.
    """

    run: int
    since: int | None = None
    count: int = 0
    last: int | None = None
    floor: int = -1

    @property
    def params(self) -> dict[str, str]:
        given = {"timestamps": "true", "limitBytes": str(PAGE)}
        if self.since is not None:
            given["sinceTime"] = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return given

    def in_place(self, lines: Sequence[Line]) -> bool:
        """Whether what was handed out is where it was; if not, this is another file."""
        return self.count <= len(lines) and (self.count == 0 or lines[self.count - 1].at == self.last)

    def fresh(self, lines: Sequence[Line]) -> list[Line]:
        return [line for line in lines[self.count :] if line.at > self.floor]

    def after(self, lines: Sequence[Line]) -> Reached:
        """When all of `lines` have been handed out."""
        if not lines:
            return self
        return self._at(max(self.since or 0, (max(line.at for line in lines) - _LATE_NS) // _NS), lines)

    def next_second(self, lines: Sequence[Line]) -> Reached:
        """When more of one second came than an answer can hold: as little as possible is left out."""
        newest = max((line.at for line in lines), default=0)
        before = -1 if self.since is None else self.since
        for second in ((newest - _LATE_NS) // _NS, newest // _NS):
            if second > before:
                return self._at(second, lines)
        return Reached(self.run, before + 1, floor=self.floor)

    def again(self) -> Reached:
        """The same run, in another file: nothing in that was handed out."""
        return Reached(self.run, floor=self.floor)

    def next_run(self, number: int) -> Reached:
        return Reached(number, floor=self.floor if self.last is None else max(self.floor, self.last))

    def _at(self, since: int, lines: Sequence[Line]) -> Reached:
        instants = [line.at for line in lines if line.at >= since * _NS]
        return Reached(self.run, since, len(instants), instants[-1] if instants else None, self.floor)

    def note(self) -> str:
        return json.dumps([self.run, self.since, self.count, self.last, self.floor])

    @classmethod
    def of(cls, note: str) -> Reached:
        """Raises ValueError or TypeError for what is no note."""
        return cls(*json.loads(note))


def lines_of(answer: bytes, whole: bool) -> list[Line] | None:
    """The lines; the last one only with its end, unless the log is `whole`: then nothing more will come.

    None for the kubelet's own words instead of a log.
    """
    if answer and not _STAMP.match(answer) and _KUBELET.match(answer):
        return None
    *rows, rest = answer.split(b"\n")
    if rest and whole:
        rows.append(rest)
    found, at, seconds = [], 0, dict[bytes, int]()
    for row in rows:
        if (stamp := _STAMP.match(row)) is not None:
            second = stamp[1] + stamp[3]
            if second not in seconds:
                seconds[second] = _seconds(second)
            at = seconds[second] * _NS + int((stamp[2] or b"").ljust(9, b"0"))
            row = row[stamp.end() :]
        found.append(Line(at, row + b"\n"))
    return found


def _seconds(text: bytes) -> int:
    try:
        return int(datetime.fromisoformat(text.decode()).timestamp())
    except ValueError:
        return 0
