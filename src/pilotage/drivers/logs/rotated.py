"""Which files beside a log file are its earlier generations, and in which order they were written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass

from pilotage.drivers.logs.opened import PACKED, Ident, begin, ident_of, open_source

_MARK = re.compile(r"[.\-_](\d[\dT:._-]*Z?|old|bak)")


@dataclass(frozen=True)
class Sibling:
    """An earlier generation, packed or not. `head` is the beginning of its (unpacked) text."""

    path: str
    mark: str
    ident: Ident
    size: int
    modified_ns: int
    packed: bool
    head: bytes


def origins(name: str) -> dict[str, str]:
    """Which log files this may be an earlier generation of, and what rotation added to their names.

    app.log.1.gz: {"app.log": "1"}; app-20261122.log: {"app.log": "20261122"}; app.log.gz: {"app.log": ""}.
    """
    plain, suffix = os.path.splitext(name)
    if suffix not in PACKED:
        plain, suffix = name, ""
    found = {plain: ""} if suffix else {}
    stem, extension = os.path.splitext(plain)
    for place in range(1, len(plain)):
        if plain[place] in ".-_":
            if mark := _MARK.fullmatch(plain, place):
                found[plain[:place]] = mark[1]
            if extension and place < len(stem) and (mark := _MARK.fullmatch(stem, place)):
                found[plain[:place] + extension] = mark[1]
    return found


def is_rotated(path: str, live: Container[str]) -> bool:
    """Whether `path` is an earlier generation of one of `live`, or packed (nobody writes on into a packed file)."""
    folder, name = os.path.split(path)
    return name.endswith(PACKED) or any(os.path.join(folder, one) in live for one in origins(name))


class Folders:
    """What lies in the folders right now, each listed once: make a new one for each look."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, list[tuple[str, str]]]] = {}
        self._names: dict[str, set[str]] = {}

    def rotated(self, folder: str, base: str) -> list[tuple[str, str]]:
        """Names beside `base` that rotation may have made of it, with what was added."""
        if folder not in self._listed:
            index = self._listed[folder] = {}
            for name in self.names(folder):
                for origin, mark in origins(name).items():
                    index.setdefault(origin, []).append((name, mark))
        return self._listed[folder].get(base, [])

    def names(self, folder: str) -> set[str]:
        if folder not in self._names:
            with suppress(OSError):
                self._names[folder] = set(os.listdir(folder))
        return self._names.get(folder, set())

    def still(self, path: str, found: list[Sibling], later: Folders) -> bool:
        """Whether every sibling has kept its name and none came: else one may have moved past the look, unseen."""
        try:
            kept = all(ident_of(os.stat(one.path, follow_symlinks=False)) == one.ident for one in found)
        except OSError:
            return False
        return kept and all(later.names(folder) == self.names(folder) for folder, _ in _places(path))


def siblings(
    path: str, cache: dict[tuple[str, Ident, int, int], bytes], folders: Folders
) -> tuple[list[Sibling], bool]:
    """The earlier generations of `path`, oldest first, and whether the look was a whole one.

    It was not when a file went away in the meantime: somebody rotates right now, so look again. `cache` keeps heads of
    files that have not changed between calls. A symbolic link's target may be rotated beside the target.
    """
    found, whole, heads = dict[Ident, Sibling](), True, dict[tuple[str, Ident, int, int], bytes]()
    for folder, base in _places(path):
        for name, mark in folders.rotated(folder, base):
            place = os.path.join(folder, name)
            try:
                about = os.stat(place, follow_symlinks=False)
                if not stat.S_ISREG(about.st_mode):
                    continue
                head = cache.get(_key(name, about))
                if head is None:
                    about, head = _look_into(place)
            except OSError:
                whole = False
                continue
            heads[_key(name, about)] = head
            ident, packed = ident_of(about), name.endswith(PACKED)
            whole = whole and ident not in found
            found[ident] = Sibling(place, mark, ident, about.st_size, about.st_mtime_ns, packed, head)
    cache.clear()
    cache.update(heads)
    return sorted(found.values(), key=_order(list(found.values()))), whole


def _places(path: str) -> set[tuple[str, str]]:
    """Folder and name, of the file and of its link's target."""
    return {os.path.split(path), os.path.split(os.path.realpath(path))}


def _key(name: str, about: os.stat_result) -> tuple[str, Ident, int, int]:
    return name, ident_of(about), about.st_size, about.st_mtime_ns


def _order(found: list[Sibling]):  # type: ignore[no-untyped-def]
    if all(one.mark.isdecimal() and len(one.mark) < 6 for one in found):
        return lambda one: (-int(one.mark), not one.packed)
    return lambda one: (one.modified_ns, [int(group) for group in re.findall(r"\d+", one.mark)], not one.packed)


def _look_into(path: str) -> tuple[os.stat_result, bytes]:
    """Both of one open file: names may change hands between two calls."""
    source, about = open_source(path)
    try:
        return about, begin(source)[1]
    finally:
        source.close()
