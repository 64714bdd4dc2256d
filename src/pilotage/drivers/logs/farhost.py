"""What is asked of another server's `far.sh`, and what it answers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pilotage.core.errors import TemporaryError
from pilotage.drivers.ssh import Remote

PIECE = 1024 * 1024
_SCRIPT = Path(__file__).with_name("far.sh").read_text(encoding="utf-8")
_MOST_LISTED = 4 * 1024 * 1024
_HEADER = 64
_ROW = re.compile(rb"(file|beside) (\d+) (\d+) (\d+) (-?\d+) (.+)", re.DOTALL)

Ident = tuple[int, int]
"""Device and inode."""


@dataclass(frozen=True)
class Entry:
    path: str
    ident: Ident
    size: int
    modified: int
    """Whole seconds, of the server's clock."""
    named: bool
    """The patterns name it; if not, rotation may have made it of one that they do."""


@dataclass(frozen=True)
class Listing:
    now: int
    entries: tuple[Entry, ...]
    refused: tuple[str, ...]
    """Paths that may not be read."""


@dataclass(frozen=True)
class Part:
    """Of the file that `ident` is, and was found at `path`."""

    path: str
    ident: Ident
    begin: int
    size: int


class FarHost:
    def __init__(self, name: str, remote: Remote, within_s: float) -> None:
        self.name = name
        self._remote = remote
        self._within_s = within_s

    async def look(self, patterns: Sequence[str], paths: Sequence[str]) -> Listing:
        """What the patterns name, and what lies beside `paths`. Raises as `Remote.output`."""
        answer = await self._ask(["list", str(len(patterns)), *patterns, *paths], _MOST_LISTED)
        rows = answer.split(b"\n")
        now = re.fullmatch(rb"now (\d+)", rows[0])
        if now is None or rows[-2:] != [b"end", b""]:
            raise self._odd(answer)
        found = dict[Ident, Entry]()
        for row in rows[1:-2]:
            if (match := _ROW.fullmatch(row)) is not None:
                ident = (int(match[2]), int(match[3]))
                entry = Entry(_text(match[6]), ident, int(match[4]), int(match[5]), match[1] == b"file")
                found.setdefault(ident, entry)
        refused = [_text(row.partition(b" ")[2]) for row in rows if row.startswith(b"refused ")]
        return Listing(int(now[1]), tuple(found.values()), tuple(dict.fromkeys(refused)))

    async def read(self, parts: Sequence[Part]) -> list[bytes | None]:
        """Each part's bytes, as far as there are so many; None for a file that is not there any more, or was cut.

        After one that was cut while it was read there may be fewer answers than parts: the rest is asked for again.
        """
        mark = secrets.token_hex(16)
        words = [
            word
            for one in parts
            for word in (str(one.ident[0]), str(one.ident[1]), str(one.begin), str(one.size), one.path)
        ]
        most = sum(one.size + 2 * _HEADER for one in parts)
        answer, place, found = await self._ask(["read", mark, *words], most), 0, list[bytes | None]()
        for one in parts:
            end = answer.find(b"\n", place, place + _HEADER)
            header = re.fullmatch(rb"gone|part (\d+) (\d+)", answer[place:end]) if end >= 0 else None
            if header is None:
                raise self._odd(answer[place : place + 200])
            place = end + 1
            if header[1] is None:
                found.append(None)
                continue
            data = answer[place : place + int(header[1])]
            after = re.compile(rb"%s (\d+)\n" % mark.encode()).match(answer, place + len(data))
            if after is None or len(data) < int(header[1]):
                return [*found, None]
            place = after.end()
            found.append(data if int(after[1]) >= one.begin + len(data) else None)
        return found

    async def close(self) -> None:
        await self._remote.close()

    async def _ask(self, arguments: Sequence[str], most: int) -> bytes:
        argv = ["/bin/sh", "-c", 'eval "$PILOTAGE_FAR"', "pilotage", *arguments]
        return await self._remote.output(argv, self._within_s, most, {"LC_ALL": "C", "PILOTAGE_FAR": _SCRIPT})

    def _odd(self, answer: bytes) -> TemporaryError:
        said = " ".join(answer[:200].decode(errors="replace").split())
        need = "it needs Linux with /bin/sh, stat, dd, tail and head"
        return TemporaryError(f"{self.name} does not list its files as expected ({need}): {said or 'nothing came'}")


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")
