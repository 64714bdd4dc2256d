"""One other server whose log files are followed: looked at, read, and left alone for a while when it fails."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Piece
from pilotage.drivers.logs.cursors import Cursors
from pilotage.drivers.logs.farfiles import FarFiles
from pilotage.drivers.logs.farhost import PIECE, Entry, FarHost, Ident, Listing, Part
from pilotage.drivers.logs.opened import PACKED

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
_PARTS = 8
"""Of a file of the past, read at once."""


class FarServer:
    def __init__(self, host: FarHost, files: FarFiles, patterns: Sequence[str], cursors: Cursors, mark: str) -> None:
        self.files = files
        self.restored = False
        """Places of an earlier Pilotage are known."""
        self._host, self._patterns, self._cursors = host, patterns, cursors
        self._begun = f"{mark}{host.name}"
        self._origin: dict[Ident, int] | None = None
        """What was there at the first look, and how large."""
        self._listing: Listing | None = None
        self._error: DriverError | None = None
        self._pause_s, self._retry_at = FIRST_PAUSE_S, 0.0

    async def read(self, budget: int) -> DriverError | None:
        """Takes what is new into `files.ready`; about `budget` bytes."""
        if self._error is not None and time.monotonic() < self._retry_at:
            return self._error
        try:
            settled = self._origin is None and self._first_look(await self._look())
            listing = await self._look()
            self.files.update(listing, settled=settled)
            self._cursors.note(self._begun, 0, json.dumps(list(self.files.seen.items())))
            wanted = list(self.files.wanted(budget))
            if wanted:
                answers = await self._host.read([part for _, part in wanted])
                for (file, part), data in zip(wanted, answers, strict=False):
                    self.files.take(file, part, data, listing)
        except DriverError as error:
            self._retry_at = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._error = error
            return error
        self._listing, self._error, self._pause_s = listing, None, FIRST_PAUSE_S
        return None

    async def probe(self) -> tuple[int, int]:
        """How many files there are, and how large they are together."""
        if self._error is not None and time.monotonic() < self._retry_at:
            raise self._error
        listing, name = await self._look(), self._host.name
        if listing.refused:
            more = f" and {len(listing.refused) - 1} more" if len(listing.refused) > 1 else ""
            raise PermanentError(
                f"{name}: {listing.refused[0]}{more} may not be read. Give the user who logs in read access "
                "(often: membership of the file's group)"
            )
        named = [one for one in listing.entries if one.named]
        if not named:
            raise TemporaryError(f"{name} has no log file yet that `paths` name; are the patterns right?")
        return len(named), sum(one.size for one in named)

    def past(self, seconds: float) -> list[tuple[FarServer, Entry, int]]:
        """What was there at the first look and written to within `seconds`, each with where it ended then."""
        if self._listing is None or self._origin is None:
            return []
        followed = {one.ident for one in self.files.followed}
        found = []
        for entry in self._listing.entries:
            new = entry.ident not in self._origin and (entry.named or entry.ident in followed)
            if not new and entry.modified >= self._listing.now - seconds and not entry.path.endswith(PACKED):
                found.append((self, entry, self._origin.get(entry.ident, entry.size)))
        return found

    async def earlier(self, entry: Entry, begin: int, end: int) -> AsyncIterator[Piece]:
        """A file's bytes from `begin` to `end`, as a stream of its own. Raises as asking does."""
        stream, name = f"{self._begun}:{entry.path}#{entry.ident}-past", f"{self._host.name}:{entry.path}"
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        while begin < end:
            places = range(begin, min(end, begin + _PARTS * PIECE), PIECE)
            parts = [Part(entry.path, entry.ident, at, min(PIECE, end - at)) for at in places]
            for part, data in zip(parts, await self._host.read(parts), strict=False):
                if not data:
                    end = begin  # it was rotated or cut in this very moment
                    break
                yield Piece(stream, name, part.begin, data)
                begin = part.begin + len(data)
        yield Piece(stream, name, begin, b"", ended=True)

    async def close(self) -> None:
        await self._host.close()

    async def _look(self) -> Listing:
        return await self._host.look(self._patterns, self.files.paths())

    def _first_look(self, listing: Listing) -> bool:
        """Whether it is the very first, also counting those before a restart."""
        note = self._cursors.before(self._begun, 0) if self.restored else None
        if note is not None:
            self.files.seen = {(device, inode): tuple(was) for (device, inode), was in json.loads(note[1])}
        self.files.update(listing, was_there=note is None, settled=note is None)
        self._origin = {one.ident: one.size for one in listing.entries}
        return note is None
