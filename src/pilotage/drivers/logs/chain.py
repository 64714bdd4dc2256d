"""The generations of one log file, oldest first: app.log.2, app.log.1, app.log as one story without a gap.

What rotation moved or copied between two looks is found among the file's siblings by its first bytes.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress

from pilotage.drivers.logs.following import NAMED_FROM, CutOff, Following
from pilotage.drivers.logs.opened import HEAD, Ident, Plain, Print, Source, ident_of, open_source
from pilotage.drivers.logs.places import Marker
from pilotage.drivers.logs.rotated import Folders, Sibling, siblings

GRACE_S = 10.0
"""A rotated file is read on for so long after its last byte: writers close it late."""
SEARCH_S = 2.0
SEARCHES = 3
"""After a sign of rotation its siblings are looked through for so long, and so many times at least."""
_REMEMBERED = 4096


class Chain:
    def __init__(self, path: str) -> None:
        self.path = path
        self.generations: list[Following] = []
        self.markers: list[Marker] = []
        """As stored before the restart."""
        self.marker = ""
        self.handed: set[Print] = set()
        self.handed_idents: set[Ident] = set()
        self.restored = False
        """Something of this path was followed before the restart."""
        self._search_until = float("-inf")
        self._searches = 1
        self.missing_since: float | None = None
        self.begun = False
        """It is known which siblings are older than what is followed."""
        self.settled = False
        """The last search left nothing open; until then the oldest generation stays, as the place to go on from."""
        self._found: list[Sibling] = []
        self._first_search_at: float | None = None
        self._done: OrderedDict[Print, None] = OrderedDict()
        self._done_idents: OrderedDict[Ident, Print] = OrderedDict()
        self._heads: dict[tuple[str, Ident, int, int], bytes] = {}
        self._unsure: dict[Ident, tuple[int, float]] = {}
        self.before = Print.of(b"")
        """The generation before the oldest one followed."""

    @property
    def live(self) -> Following | None:
        return self.generations[-1] if self.generations and self.generations[-1].live else None

    def search_soon(self, now: float) -> None:
        """A sign of rotation was seen. It is made of several steps, so that one look may come in their middle."""
        self._search_until, self._searches = now + SEARCH_S, SEARCHES

    def search_due(self, now: float) -> bool:
        return (
            not self.settled
            or self._searches > 0
            or now <= self._search_until
            or any(one.source is None for one in self.generations)
        )

    def remember(self, head: Print, ident: Ident) -> None:
        """This generation has been handed out, or is older than what is followed."""
        self._done[head] = None
        self._done_idents[ident] = head
        self._done_idents.move_to_end(ident)
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        if len(self._done_idents) > _REMEMBERED:
            self._done_idents.popitem(last=False)

    def cut_off(self, one: Following, now: float) -> None:
        """Its file holds another text now, a generation of its own; the rest of the old one is looked for."""
        new = one.cut_off()
        one.gone_since = now
        self.generations.insert(self.generations.index(one) + 1, new)
        if not one.stream:
            self.generations.remove(one)
        with suppress(CutOff):
            new.check()
        self.search_soon(now)

    def search(self, now: float, room: int, folders: Folders) -> None:
        """Find generations again that were moved, copied or packed, and those that were never seen at their place.

        At most `room` files are opened.
        """
        self._searches -= 1
        found, whole = siblings(self.path, self._heads, folders)
        for one in self.generations:
            if one.source is None and room > 0:
                one.looks += 1
                one.gone_since = now if one.gone_since is None else one.gone_since
                room -= self._find_again(one, found, now)
        self.settled = False
        if self._still_missing(now):
            pass
        elif self.begun or self._begin(found, whole and folders.still(self.path, found, Folders()), now):
            fresh = [one for one in found if one.head and not self._known(one, now)]
            self.settled = whole and not fresh
            if fresh and self._live_unchanged() and folders.still(self.path, found, Folders()):
                followed = [self._follow(one, found, now) for one in fresh[: max(0, room)]]
                self.settled = whole and all(followed) and len(followed) == len(fresh)
        self._found = found
        if not self.settled:
            self.search_soon(now)

    def confirm(self, now: float, folders: Folders, later: Folders) -> None:
        """After a search in `folders`: whether nobody rotated meanwhile, so that nothing was overlooked."""
        if self.settled and self._found and not folders.still(self.path, self._found, later):
            self.settled = False
            self.search_soon(now)

    def _find_again(self, one: Following, found: list[Sibling], now: float) -> bool:
        """The same inode first, then a plain copy, then a packed one."""
        fitting = [each for each in found if one.found_in(each.head, each.size, each.packed)]
        fitting.sort(key=lambda each: (each.ident != one.ident, each.packed))
        for each in fitting:
            if (opened := self._open(each)) is None:
                continue
            source, about = opened
            if not one.ends_there(source):
                source.close()
                continue
            one.whole = each.packed or each.ident != one.ident
            one.take_over(source, each.ident, about.st_size)
            one.gone_since = one.gone_since or now
            return True
        return False

    def _still_missing(self, now: float) -> bool:
        """Without all that is followed in its place, what is new could not be put in order."""
        return any(one.source is None and now - (one.gone_since or now) < GRACE_S for one in self.generations)

    def _begin(self, found: list[Sibling], whole: bool, now: float) -> bool:
        """Tell the past from what is still to be read; when somebody rotates right now, at a later search."""
        if self._first_search_at is None:
            self._first_search_at = now
        floor = self._floor(found) if whole and self._live_unchanged() else None
        if floor is None:
            if now - self._first_search_at < GRACE_S:
                return False
            floor = 0 if self.restored else len(found)
        self.begun = True
        for older in found[:floor]:
            self.before = Print.of(older.head)
            self.remember(self.before, older.ident)
        order = {one.ident: place for place, one in enumerate(found)}
        self.generations.sort(key=lambda one: (one.live, order.get(one.ident, -1)))
        return True

    def _floor(self, found: list[Sibling]) -> int | None:
        """The first sibling not wholly behind us; None while something that was followed is still looked for.

        When all that was followed is gone for good, what is left came after it.
        """
        if not self.restored:
            return len(found)
        again = [one for one in self.generations if one.restored]
        index = {one.ident: place for place, one in enumerate(found)}
        if any(one.source is None or not (one.live or one.ident in index) for one in again):
            return None
        floors = [index.get(one.ident, len(found)) for one in again]
        after = [
            place + 1 for marker in self.markers for place, one in enumerate(found) if marker.after.matches(one.head)
        ]
        if self.markers and all(marker.after.size for marker in self.markers):
            if not after:
                return None
            floors.append(max(after))
        elif self.markers:
            floors.append(0)
        return min(floors, default=None)

    def _known(self, sibling: Sibling, now: float) -> bool:
        head, ident = sibling.head, sibling.ident
        if Print.of(head) in self._done:
            return True
        earlier = self._done_idents.get(ident)
        if earlier is not None and earlier.size and earlier.matches(head):
            return True
        for one in self.generations:
            if (one.source is not None and one.ident == ident) or (one.head and one.head == head):
                return True
            if one.head and ((one.head.startswith(head)) or (one.live and head.startswith(one.head))):
                return self._probably_a_copy(sibling, now)
        return False

    def _probably_a_copy(self, sibling: Sibling, now: float) -> bool:
        """A copy being made begins like its model. Too few bytes to be sure of it: wait whether it grows."""
        self.search_soon(now)
        size, since = self._unsure.get(sibling.ident, (-1, now))
        if size != sibling.size:
            self._unsure[sibling.ident] = (sibling.size, now)
            return True
        short = len(sibling.head) < NAMED_FROM and b"\n" not in sibling.head
        return not short or now - since < GRACE_S

    def _live_unchanged(self) -> bool:
        """Else a sibling found in between may be a copy of text that is still to be read at its place."""
        live = self.live
        try:
            about = os.stat(self.path)
        except OSError:
            return live is None
        if live is None or not isinstance(live.source, Plain) or (about.st_dev, about.st_ino) != live.ident:
            return False
        if about.st_size < live.offset:
            return False
        return bool(live.head) == bool(about.st_size > live.hole) and live.source.read(live.hole, HEAD).startswith(
            live.head
        )

    def _open(self, sibling: Sibling) -> tuple[Source, os.stat_result] | None:
        """None when its name belongs to another file by now: somebody rotates, so that a later search finds it."""
        try:
            source, about = open_source(sibling.path)
        except OSError:
            return None
        if ident_of(about) == sibling.ident:
            return source, about
        source.close()
        return None

    def _follow(self, sibling: Sibling, found: list[Sibling], now: float) -> bool:
        if (opened := self._open(sibling)) is None:
            return False
        source, about = opened
        new = Following(self.path, sibling.ident, None, 0, 0, Print.of(b""), gone_since=now, moved_at=now)
        new.whole = sibling.packed
        new.take_over(source, (about.st_dev, about.st_ino), about.st_size)
        if new.head[: len(sibling.head)] != sibling.head:
            new.close()
            return False
        later = {one.ident for one in found[found.index(sibling) + 1 :]}
        end = len(self.generations) - (self.live is not None)
        place = next((place for place, one in enumerate(self.generations) if one.ident in later), end)
        self.generations.insert(min(place, end), new)
        return True
