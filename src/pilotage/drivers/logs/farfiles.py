"""The log files of one server: which of them are followed, how far, and where each is after a rotation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pilotage.drivers import Piece
from pilotage.drivers.logs.cursors import Cursors
from pilotage.drivers.logs.farhost import PIECE, Entry, Ident, Listing, Part
from pilotage.drivers.logs.opened import PACKED
from pilotage.drivers.logs.rotated import is_rotated

GRACE_S = 10.0
"""A rotated file is read on for so long after its last byte: writers close it late."""
TAIL = 64
"""The last bytes read are read again: if they are others by now, so is the text."""

_CUT_OFF = (-1, -1)
"""The ident of one whose file has another text, which is followed as well."""


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
    wrote: int = 0
    """`modified` as it was at the look before."""
    live: bool = True
    was_live: bool = False
    quiet_since: float | None = None
    """Of one that is not live: since when it has had nothing new, or could not be found."""
    gone: bool = False
    born: tuple[float, int] = (0.0, 0)
    sure: bool = True
    """False while it is looked for in a copy that may be another's."""
    copies: list[Entry] = field(default_factory=list)
    """Of one that was cut off: where its text may be, too."""

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
        self._births = 0
        self.seen: dict[Ident, tuple[int, int]] = {}
        """Size and time of what lay beside at the last look, without what may be a copy that is still being made. What
        is followed is not among it: it would not be known any more if its place was not stored before a restart."""
        self._sizes: dict[Ident, int] = {}
        self.followed: list[FarFile] = []
        self.ready: list[Piece] = []

    def paths(self) -> list[str]:
        """Beside which rotation may have put what is followed."""
        return list(dict.fromkeys(one.path for one in self.followed))

    def continue_at(self, places: Mapping[str, int]) -> None:
        newest = dict[tuple[str, Ident], FarFile]()
        for stream, place in places.items():
            try:
                host, path, device, inode, born = json.loads(stream.removeprefix(self._mark))
            except (ValueError, TypeError):
                continue
            if host == self._host:
                at, tail = self._cursors.before(stream, place) or (place, None)
                one = FarFile(stream, path, path, (device, inode), place, at, born=tuple(born))
                one.tail = None if tail is None else bytes.fromhex(tail)
                self.followed.append(one)
                one, other = sorted((one, newest.get((path, one.ident), one)), key=lambda each: each.born)
                newest[path, other.ident] = other
                if one is not other:
                    one.ident, one.live = _CUT_OFF, False

    def update(self, listing: Listing, was_there: bool = False, settled: bool = False) -> None:
        """`was_there`: what is new is followed from its end. `settled`: nothing that lies beside is news."""
        there = {one.ident: one for one in listing.entries}
        for one in self.followed:
            self._find(one, there.get(one.ident))
        before = list(self.followed)
        for one in [one for one in before if one.ident == _CUT_OFF]:
            one.copies = self._copies(one, listing)
            self.cut(one, listing)
        self._add_new(listing, was_there)
        for path in self.paths():
            own = [one for one in before if one.path == path]
            live = next((one for one in own if one.live and one.was_live), None)
            fresh = [] if settled else self._fresh(path, listing)
            if live is None:
                self._add_missed(path, fresh, max((one.wrote for one in own), default=0))
            elif live.size < live.offset:
                self.cut(live, listing)
            elif live.offset == 0 and (larger := [one for one in fresh if one.size > live.size]):
                # Copies of what was cut off before anything of it was read: at the second look, when they are whole.
                whole = all(self._sizes.get(one.ident) == one.size for one in larger)
                self._add_missed(path, larger if whole else [], live.wrote)
                live.gone = not whole
                there = {ident: entry for ident, entry in there.items() if whole or entry not in fresh}
            else:  # what is new beside it may be a copy of it that is still being made
                there = {ident: entry for ident, entry in there.items() if entry not in fresh}
        self._sizes = {one.ident: one.size for one in listing.entries}
        followed = {one.ident for one in self.followed}
        self.seen = {key: (one.size, one.modified) for key, one in there.items() if key not in followed}
        self._end_rotated()

    def _find(self, one: FarFile, entry: Entry | None) -> None:
        one.gone, one.wrote, one.was_live, was = entry is None, one.modified, one.live, (one.live, one.size)
        if entry is not None:
            one.where, one.size, one.modified = entry.path, entry.size, entry.modified
        one.live = entry is not None and one.where == one.path
        if one.quiet_since is None or was != (one.live, one.size):
            one.quiet_since = self._now()

    def _add_new(self, listing: Listing, was_there: bool) -> None:
        named = [one for one in listing.entries if one.named]
        live = {one.path for one in named} | {one.path for one in self.followed}
        known = {one.ident for one in self.followed}
        for entry in named:
            if entry.ident not in known and not is_rotated(entry.path, live):
                self._follow(entry, entry.path, entry.size if was_there else 0)

    def _fresh(self, path: str, listing: Listing) -> list[Entry]:
        """What lies beside and has come or changed since the last look, the oldest generation first."""
        known = {one.ident for one in self.followed}
        fresh = [
            one
            for one in listing.entries
            if one.ident not in known and self.seen.get(one.ident) != (one.size, one.modified)
            if not one.path.endswith(PACKED) and is_rotated(one.path, {path})
        ]
        return sorted(fresh, key=lambda one: _age(one, path))

    def _add_missed(self, path: str, fresh: Iterable[Entry], wrote: int) -> None:
        """Files that came and went between two looks: rotated from the same path, and written to later."""
        for entry in fresh:
            if entry.modified >= wrote:
                missed = self._follow(entry, path, 0)
                missed.live, missed.quiet_since = False, self._now()

    def _follow(self, entry: Entry, path: str, begin: int) -> FarFile:
        self._births += 1
        born = (round(self._now(), 3), self._births)
        stream = self._mark + json.dumps([self._host, path, *entry.ident, born])
        one = FarFile(stream, path, entry.path, entry.ident, begin, begin, born=born)
        one.tail, one.size, one.modified = (None if begin else b""), entry.size, entry.modified
        if one.tail is not None:
            self._cursors.note(stream, 0, "")
        self.followed.append(one)
        self.ready.append(Piece(stream, self._name(one), begin, b""))
        return one

    def cut(self, one: FarFile, listing: Listing) -> None:
        """Another text is in its file by now. What was not read of the one before may be in a copy."""
        if one.live:
            one.live, one.quiet_since = False, self._now()
            fresh = self._fresh(one.path, listing)
            one.copies = self._copies(one, listing)
            self._follow(Entry(one.path, one.ident, one.size, one.modified, True), one.path, 0)
            if len(fresh) > 1:
                said = f"{self._name(one)} was cut off several times between two looks: lines may be missing"
                self._say(f"often {one.path}", said)
        if not one.copies or one.tail is None:
            self._lose(one)
            return
        copy = one.copies.pop(0)
        one.where, one.ident, one.size, one.sure = copy.path, copy.ident, copy.size, False

    def _copies(self, one: FarFile, listing: Listing) -> list[Entry]:
        """Where its text may be, the likeliest first."""
        fresh, known = self._fresh(one.path, listing), {each.ident for each in self.followed if each.sure}
        older = [
            each
            for each in sorted(listing.entries, key=lambda each: _age(each, one.path), reverse=True)
            if each not in fresh and each.ident not in known
            if not each.path.endswith(PACKED) and is_rotated(each.path, {one.path})
        ]
        return [each for each in (*fresh, *(older if one.known else ())) if each.size >= one.offset]

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
        if not one.gone and all(each.ident != one.ident for each in self.followed):
            self.seen[one.ident] = (one.size, one.modified)
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
            if len(data) < one.known - part.begin:
                return
            one.tail = data[: one.known - part.begin]
            self._cursors.note(one.stream, one.known, one.tail.hex())
        if data[: len(one.tail)] != one.tail:
            self.cut(one, listing)
            return
        one.sure, fresh = True, data[one.offset - part.begin :]
        if fresh:
            self.ready.append(Piece(one.stream, self._name(one), one.offset, fresh))
        one.known = part.begin + len(data)
        one.offset = max(one.offset, one.known)
        one.tail = data[-TAIL:]
        self._cursors.note(one.stream, one.known, one.tail.hex())

    def _name(self, one: FarFile) -> str:
        return f"{self._host}:{one.path}".encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _age(entry: Entry, path: str) -> tuple[int, int, str]:
    """Orders generations, the oldest first: app.log.2 before app.log.1, else as they were written to."""
    number = entry.path.removeprefix(f"{path}.")
    counted = -int(number) if number.isdecimal() and len(number) < 6 else 0
    return (0 if counted else entry.modified, counted, entry.path)
