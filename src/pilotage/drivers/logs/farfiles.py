"""The log files of one server: which of them are followed, how far, and where each is after a rotation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pilotage.drivers import Piece
from pilotage.drivers.logs.cursors import Cursors
from pilotage.drivers.logs.farhost import PIECE, Entry, Ident, Listing, Part
from pilotage.drivers.logs.opened import PACKED
from pilotage.drivers.logs.rotated import is_rotated

GRACE_S = 10.0
"""A rotated file is read on for so long after its last byte: writers close it late."""
TAIL = 64
"""The last bytes read are read again: if they are others by now, so is the text."""


@dataclass
class FarFile:
    stream: str
    path: str
    """Where it was born, and is while it is live."""
    where: str
    """Where it is by now."""
    ident: Ident
    offset: int
    """Up to here it has been handed out."""
    known: int
    """Where `tail` ends; at most `offset`."""
    tail: bytes | None = None
    """The bytes before `known`; None: not looked at yet."""
    size: int = 0
    modified: int = 0
    live: bool = True
    quiet_since: float | None = None
    """Of one that is not live: since when it has had nothing new, or could not be found."""
    gone: bool = False

    @property
    def part(self) -> Part | None:
        """What to read next: what is new, after the last bytes that were read before."""
        begin = max(0, self.known - TAIL) if self.tail is None else self.known - len(self.tail)
        if self.gone or (self.tail is not None and self.size <= self.offset):
            return None
        return Part(self.where, self.ident, begin, min(max(self.size, self.known) - begin, PIECE))


class FarFiles:
    def __init__(
        self, host: str, mark: str, cursors: Cursors, now: Callable[[], float], say: Callable[[str, str], None]
    ) -> None:
        """`now` gives seconds; `say` takes what a person should know, by a key."""
        self._host, self._mark, self._cursors, self._now, self._say = host, mark, cursors, now, say
        self._begun = False
        self._births = 0
        self._seen: set[Ident] = set()
        """All that earlier looks have listed: nobody overlooked these."""
        self.followed: list[FarFile] = []
        self.ready: list[Piece] = []

    def paths(self) -> list[str]:
        """Beside which rotation may have put what is followed."""
        return list(dict.fromkeys(one.path for one in self.followed))

    def continue_at(self, places: Mapping[str, int]) -> None:
        for stream, place in places.items():
            try:
                host, path, device, inode, _ = json.loads(stream.removeprefix(self._mark))
            except (ValueError, TypeError):
                continue
            if host == self._host:
                at, tail = self._cursors.before(stream, place) or (place, "")
                known = FarFile(stream, path, path, (device, inode), place, at)
                known.tail = bytes.fromhex(tail) if tail else None
                self.followed.append(known)

    def update(self, listing: Listing, was_there: bool) -> None:
        """`was_there`: this host's first look; what it shows is followed from its end."""
        there = {one.ident: one for one in listing.entries}
        turned = [one for one in self.followed if self._find(one, there)]
        for one in [one for one in self.followed if not one.gone and one.size < one.offset]:
            self.cut(one, listing)
        self._add_new(listing, was_there)
        for one in turned:
            self._add_missed(one, listing)
        self._seen |= there.keys()
        self._end_rotated()

    def _find(self, one: FarFile, there: Mapping[Ident, Entry]) -> bool:
        """Whether it has another name since this look."""
        entry = there.get(one.ident)
        one.gone = entry is None
        if entry is None:
            if one.live or one.quiet_since is None:
                one.live, one.quiet_since = False, self._now()
            return False
        turns = one.where == one.path != entry.path
        if entry.size > one.size or turns:
            one.quiet_since = self._now()
        one.where, one.size, one.modified = entry.path, entry.size, entry.modified
        one.live = one.where == one.path
        return turns

    def _add_new(self, listing: Listing, was_there: bool) -> None:
        named = [one for one in listing.entries if one.named]
        live = {one.path for one in named} | {one.path for one in self.followed}
        known = {one.ident for one in self.followed}
        for entry in named:
            if entry.ident not in known and not is_rotated(entry.path, live):
                self._follow(entry, entry.path, entry.size if was_there else 0)

    def _add_missed(self, turned: FarFile, listing: Listing) -> None:
        """Files that came and went between two looks: rotated like this one, written to after it, and never seen."""
        known = {one.ident for one in self.followed} | self._seen
        for entry in sorted(listing.entries, key=lambda one: one.modified):
            later = entry.modified >= turned.modified if self._seen else entry.modified > turned.modified
            plain = not entry.path.endswith(PACKED) and is_rotated(entry.path, {turned.path})
            if entry.ident not in known and plain and later:
                missed = self._follow(entry, turned.path, 0)
                missed.live, missed.quiet_since = False, self._now()

    def _follow(self, entry: Entry, path: str, begin: int) -> FarFile:
        self._births += 1
        born = f"{self._now():.3f}-{self._births}"
        stream = self._mark + json.dumps([self._host, path, *entry.ident, born])
        one = FarFile(stream, path, entry.path, entry.ident, begin, begin)
        one.tail, one.size, one.modified = (None if begin else b""), entry.size, entry.modified
        self.followed.append(one)
        self.ready.append(Piece(stream, self._name(one), begin, b""))
        return one

    def cut(self, one: FarFile, listing: Listing) -> None:
        """Another text is in its file by now. What was not read of the one before may be in a copy."""
        if one.live:
            self._follow(Entry(one.path, one.ident, one.size, one.modified, True), one.path, 0)
        others = {each.ident for each in self.followed}
        copies = [
            each
            for each in listing.entries
            if each.ident not in others and each.size >= one.offset and is_rotated(each.path, {one.path})
            if not each.path.endswith(PACKED)
        ]
        copy = max(copies, key=lambda each: each.modified, default=None)
        if copy is None or not one.live or one.tail is None:
            self._lose(one)
            return
        one.where, one.ident, one.size, one.live, one.quiet_since = copy.path, copy.ident, copy.size, False, self._now()

    def _lose(self, one: FarFile) -> None:
        self._say(f"cut {one.path}", f"{self._name(one)} was cut off: what was written just before may be missing")
        self._end(one)

    def _end_rotated(self) -> None:
        for one in list(self.followed):
            late = one.quiet_since is not None and self._now() - one.quiet_since >= GRACE_S
            if late and not one.live and (one.gone or one.size <= one.offset):
                if one.gone:
                    said = f"{self._name(one)} went away, or was packed: what was written just before may be missing"
                    self._say(f"gone {one.path}", said)
                self._end(one)

    def _end(self, one: FarFile) -> None:
        self.followed.remove(one)
        self._cursors.forget(one.stream)
        self.ready.append(Piece(one.stream, self._name(one), one.offset, b"", ended=True))

    # ------------------------------------------------------------- reading

    def wanted(self, budget: int) -> Iterator[tuple[FarFile, Part]]:
        for one in self.followed:
            if budget > 0 and (part := one.part) is not None:
                budget -= part.size
                yield one, part

    def take(self, one: FarFile, part: Part, data: bytes | None, listing: Listing) -> None:
        """None or other bytes than before where they begin: it is looked at again, or has been cut off."""
        if data is None or one not in self.followed:
            return
        if one.tail is None:
            head, one.tail = data[: one.known - part.begin], data[: one.known - part.begin]
            if len(head) < one.known - part.begin:
                one.tail = None
                return
        if data[: len(one.tail)] != one.tail:
            self.cut(one, listing)
            return
        fresh = data[one.offset - part.begin :]
        if fresh:
            self.ready.append(Piece(one.stream, self._name(one), one.offset, fresh))
        one.known = part.begin + len(data)
        one.offset = max(one.offset, one.known)
        one.tail = data[-TAIL:]
        self._cursors.note(one.stream, one.known, one.tail.hex())

    def _name(self, one: FarFile) -> str:
        return f"{self._host}:{one.path}".encode("utf-8", "surrogateescape").decode("utf-8", "replace")
