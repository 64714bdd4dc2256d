"""Following the files that patterns name, look by look. Blocking calls throughout; one thread at a time."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pilotage.drivers import Piece
from pilotage.drivers.logs.chain import GRACE_S, Chain
from pilotage.drivers.logs.following import CutOff, Following
from pilotage.drivers.logs.opened import (
    PIECE,
    Damaged,
    Ident,
    Plain,
    Print,
    ident_of,
    looks_binary,
    open_file,
)
from pilotage.drivers.logs.places import marker_name, parse, stream_name
from pilotage.drivers.logs.rotated import Folders, is_rotated
from pilotage.drivers.logs.troubles import Troubles, why

BUDGET = 8 * 1024 * 1024
GLOB_S = 1.0
FORGOTTEN_S = 600.0
"""A path that has been missing for so long is no longer waited for (unless a pattern finds it again)."""


class Poller:
    def __init__(
        self, directory: Path, patterns: Sequence[str], most: int, clock: Callable[[], float], troubles: Troubles
    ) -> None:
        self._roots = [os.path.join(glob.escape(str(directory)), pattern) for pattern in patterns]
        self._most = most
        self._clock = clock
        self._troubles = troubles
        self._chains: dict[str, Chain] = {}
        self._live: list[str] = []
        self._beside: dict[str, set[str]] = {}
        """The folders in which a live file's earlier generations may lie: its own, and its link's target's."""
        self._globbed_at = float("-inf")
        self._folders: dict[str, int] = {}
        self._again = False
        """Places were given: this is not the first time."""
        self._first = True
        self._there: dict[Ident, int] = {}
        """Files that were there at the very first look, with their size then: their end is where following begins."""
        self._names: set[str] = set()
        self._turn = 0
        self._matched_at: dict[str, float] = {}

    def continue_at(self, places: Mapping[str, int]) -> None:
        known, markers = parse(places)
        self._again = bool(known or markers)
        for place in known:
            one = Following(place.path, place.ident, None, place.offset, place.offset, place.print, restored=True)
            one.stream = place.stream
            self._names.add(place.stream)
            chain = self._chain(place.path)
            chain.generations.append(one)
            chain.restored = True
        if self._again:
            self._matched_at = dict.fromkeys(map(os.path.normpath, self._roots), self._clock())
        for marker in markers:
            chain = self._chain(marker.path)
            chain.markers.append(marker)
            chain.restored = True

    def poll(self, budget: int = BUDGET) -> list[Piece]:
        """What is new, at most `budget` bytes."""
        now = self._clock()
        self._look(now)
        self._search(now)
        pieces = self._read(now, budget)
        crowded = self._open() > self._most * 3 // 4
        for chain in list(self._chains.values()):
            self._mark(chain, pieces)
            self._end(chain, now, crowded, pieces)
        return pieces

    def chains(self) -> list[Chain]:
        return list(self._chains.values())

    def paths(self) -> list[str]:
        """The files the patterns name now, without their earlier generations."""
        found = {}
        for root in self._roots:
            matching = [os.path.abspath(one) for one in glob.iglob(root, recursive=True)]
            self._note_match(os.path.normpath(root), bool(matching))
            found.update(dict.fromkeys(matching))
        known = {*found, *self._chains}
        return sorted(one for one in found if not is_rotated(one, known))

    def _note_match(self, pattern: str, matches: bool) -> None:
        """Between a rename and the new file's birth nothing matches; that is no trouble yet."""
        now = self._clock()
        if matches:
            self._matched_at[pattern] = now
            self._troubles.over(("pattern", pattern))
        elif now - self._matched_at.get(pattern, float("-inf")) >= GRACE_S:
            text = f"no file matches {pattern} now; is the path right? It is looked for again"
            self._troubles.say(("pattern", pattern), text)

    def close(self) -> None:
        for chain in self._chains.values():
            for one in chain.generations:
                one.close()
        self._chains.clear()

    def _chain(self, path: str) -> Chain:
        return self._chains.setdefault(path, Chain(path))

    def _open(self) -> int:
        return sum(one.source is not None for chain in self._chains.values() for one in chain.generations)

    def _look(self, now: float) -> None:
        if now - self._globbed_at >= GLOB_S:
            self._live, self._globbed_at = self.paths(), now
            self._beside = {
                path: {os.path.dirname(path), os.path.dirname(os.path.realpath(path))} for path in self._live
            }
        seen: dict[Ident, tuple[str, os.stat_result]] = {}
        for path in self._live:
            try:
                found = os.stat(path)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    self._troubles.say(("file", path), why(path, error))
                continue
            seen.setdefault(ident_of(found), (path, found))
        followed = {}
        for chain in list(self._chains.values()):
            for one in list(chain.generations):
                if one.source is None:
                    continue
                followed[one.ident] = one
                self._notice(chain, one, seen.get(one.ident), now)
        for ident, (path, found) in seen.items():
            if self._first and not self._again:
                self._there[ident] = found.st_size
            if ident not in followed:
                self._begin(path, now)
        self._first = False
        self._watch_folders(now)

    def _notice(self, chain: Chain, one: Following, place: tuple[str, os.stat_result] | None, now: float) -> None:
        """Whether it was rotated away, moved to another name that is followed, or cut to nothing."""
        if one.live and place is None:
            one.gone_since, one.quiet = now, 0
            chain.search_soon(now)
        elif place is not None and not one.whole and (place[0] != chain.path or not one.live):
            chain.generations.remove(one)
            one.gone_since = None
            self._chain(place[0]).generations.append(one)
            chain = self._chains[place[0]]
        try:
            one.check()
        except CutOff:
            chain.cut_off(one, now)
        except OSError as error:
            self._troubles.say(("file", one.path), why(one.path, error))

    def _search(self, now: float) -> None:
        due = [chain for chain in self._chains.values() if chain.search_due(now)]
        folders = Folders()
        for chain in due:
            chain.search(now, max(1, self._most - self._open()), folders)
        later = Folders()
        for chain in due:
            chain.confirm(now, folders, later)

    def _begin(self, path: str, now: float) -> None:
        if self._open() >= self._most:
            self._troubles.say(
                ("most", ""), f"more than {self._most} files to follow; {path} and others wait. Narrow `paths`"
            )
            return
        try:
            fd, found = open_file(path)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._troubles.say(("file", path), why(path, error))
            return
        self._troubles.over(("file", path))
        ident, source = ident_of(found), Plain(fd)
        new = Following(path, ident, None, 0, 0, Print.of(b""), moved_at=now)
        new.take_over(source, ident, found.st_size)
        stored = [
            (chain, one)
            for chain in self._chains.values()
            for one in chain.generations
            if one.restored and one.source is None and one.ident == ident
            if one.found_in(new.head, found.st_size, False)
        ]
        chain = self._chain(path)
        if stored:
            old, one = stored[0]
            before = one.print
            one.take_over(source, ident, found.st_size)
            if not before.matches(one.head):  # cut off between two calls: next time
                one.source, one.print, one.head, one.tail = None, before, b"", b""
                source.close()
                return
            old.generations.remove(one)
            new = one
        elif not self._again and ident in self._there:
            end = min(self._there[ident], found.st_size)
            if end > new.hole:
                new.offset = new.start = end
                new.tail = b""
                new.take_over(source, ident, found.st_size)
        if chain.live is not None:
            chain.live.gone_since = now
        chain.generations.append(new)
        chain.search_soon(now)

    def _watch_folders(self, now: float) -> None:
        """A folder that changed may show a rotation that the file itself does not."""
        changed = {}
        for path in self._live:
            for folder in self._beside[path]:
                if folder not in changed:
                    try:
                        modified = os.stat(folder).st_mtime_ns
                    except OSError:
                        continue
                    changed[folder] = self._folders.get(folder) != modified
                    self._folders[folder] = modified
                if changed[folder]:
                    chain = self._chain(path)
                    chain.search_soon(now)

    def _read(self, now: float, budget: int) -> list[Piece]:
        pieces: list[Piece] = []
        chains = list(self._chains.values())
        self._turn = (self._turn + 1) % max(1, len(chains))
        for chain in chains[self._turn :] + chains[: self._turn]:
            for one in chain.generations:
                if one.source is None or one.refused or not self._name(one, pieces):
                    continue
                while budget > 0 and (data := self._take(chain, one, budget)):
                    pieces.append(Piece(one.stream, one.path, one.offset - len(data), data))
                    budget -= len(data)
                    one.moved_at, one.quiet = now, 0
                one.quiet += one.at_end
                if budget <= 0:
                    return pieces
        return pieces

    def _take(self, chain: Chain, one: Following, budget: int) -> bytes:
        try:
            return one.take(min(budget, PIECE))
        except CutOff:
            one.at_end = False
        except Damaged as error:
            one.at_end = True
            self._troubles.say(
                ("damaged", one.stream),
                f"a packed generation of {one.path} is damaged after {one.offset} bytes ({error}); the rest is missing",
            )
        except OSError as error:
            self._troubles.say(("file", one.path), why(one.path, error))
        return b""

    def _name(self, one: Following, pieces: list[Piece]) -> bool:
        """Whether it has the name under which it is handed out."""
        if one.stream:
            return True
        if not one.nameable and one.start <= one.hole:
            one.at_end = not one.head
            return False
        if looks_binary(one.head):
            one.refused = True
            self._troubles.say(("binary", one.path), f"{one.path} looks binary, not like text; it is not read")
            return False
        if one.hole:
            self._troubles.say(
                ("hole", one.path),
                f"{one.path} begins with {one.hole} NUL bytes, which are skipped: its writer does not append, so that "
                "cutting the file (copytruncate) leaves a hole. Let it open the file for appending",
            )
        turn = 0
        while (name := stream_name(one.path, one.ident, one.print, turn)) in self._names:
            turn += 1
        self._names.add(name)
        one.stream = name
        pieces.append(Piece(name, one.path, one.offset, b""))  # its place is known before a byte of it is
        return True

    def _mark(self, chain: Chain, pieces: list[Piece]) -> None:
        """While a path has no text yet, a stream without bytes remembers up to where everything was handed out."""
        stored = {marker.stream for marker in chain.markers}
        if not chain.settled and (chain.marker or chain.markers or not chain.begun):
            return
        live = chain.live
        wanted = ""
        if live is None or not live.stream:
            if not (chain.generations or chain.restored or chain.marker):
                return
            before = [one.print for one in chain.generations if one is not live and one.print.size]
            wanted = marker_name(chain.path, before[-1] if before else chain.before)
            if wanted not in stored and wanted != chain.marker:
                pieces.append(Piece(wanted, chain.path, 0, b""))
        for old in (stored | {chain.marker}) - {wanted, ""}:
            pieces.append(Piece(old, chain.path, 0, b"", ended=True))
        chain.marker = wanted
        chain.markers = [marker for marker in chain.markers if marker.stream == wanted]

    def _end(self, chain: Chain, now: float, crowded: bool, pieces: list[Piece]) -> None:
        while chain.generations and self._over(chain.generations[0], now, crowded) and (chain.settled or crowded):
            one = chain.generations.pop(0)
            if one.source is None:
                self._troubles.say(("lost", one.stream), _lost(one))
            one.close()
            if one.stream:
                pieces.append(Piece(one.stream, one.path, one.offset, b"", ended=True))
            if one.head:
                chain.before = one.print
                chain.remember(one.print, one.ident)
                chain.handed.add(one.print)
                chain.handed_idents.add(one.ident)
        if chain.generations or chain.path in self._live:
            chain.missing_since = None
            return
        chain.missing_since = now if chain.missing_since is None else chain.missing_since
        if now - chain.missing_since > FORGOTTEN_S:
            if chain.marker:
                pieces.append(Piece(chain.marker, chain.path, 0, b"", ended=True))
            del self._chains[chain.path]

    def _over(self, one: Following, now: float, crowded: bool) -> bool:
        if one.gone_since is None and one.source is not None:
            return False
        if one.source is None:
            one.gone_since = one.gone_since if one.gone_since is not None else now
            return one.looks >= 2 and now - one.gone_since >= GRACE_S
        if one.whole:
            return one.at_end or one.refused
        if not (one.at_end or one.refused):
            return False
        return (one.quiet >= 2 and crowded) or now - max(one.gone_since or now, one.moved_at) >= GRACE_S


def _lost(one: Following) -> str:
    unread = max(0, one.size - one.offset)
    much = f"at least {unread} bytes of it are missing" if unread else "what was written last to it may be missing"
    how = "was not found again after the restart" if one.restored else "was cut to nothing (copytruncate?)"
    where = f"at byte {one.offset}, and no copy of it was found beside it"
    return f"{one.path} {how} {where}: {much}. Keep rotated files longer"
