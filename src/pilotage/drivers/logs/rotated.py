"""Which files beside a log file are its earlier generations, and in which order they were written."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from pilotage.drivers.logs.opened import PACKED, Ident, begin, ident_of, open_source

_MARK = r"[.\-_](?P<mark>\d[\dT:._-]*Z?|old|bak)"
_PACK = rf"(?P<packed>{'|'.join(map(re.escape, PACKED))})"


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


def mark_of(base: str, name: str) -> str | None:
    """What rotation added to `base`: "1" for app.log.1 and app.log.1.gz, "20261122" for app-20261122.log."""
    stem, extension = os.path.splitext(base)
    shapes = [rf"{re.escape(base)}(?:{_MARK}{_PACK}?|{_PACK.replace('packed', 'only')})"]
    if extension:
        shapes.append(rf"{re.escape(stem)}{_MARK}{re.escape(extension)}{_PACK}?")
    for shape in shapes:
        if found := re.fullmatch(shape, name):
            return found["mark"] or ""
    return None


def is_rotated(path: str, live: Iterable[str]) -> bool:
    """Whether `path` is an earlier generation of one of `live`, or packed (nobody writes on into a packed file)."""
    folder, name = os.path.split(path)
    if name.endswith(PACKED):
        return True
    return any(mark_of(base, name) is not None for base in (os.path.basename(one) for one in _beside(folder, live)))


def siblings(path: str, cache: dict[tuple[str, Ident, int, int], bytes]) -> tuple[list[Sibling], bool]:
    """The earlier generations of `path`, oldest first, and whether the look was a whole one.

    It was not when a file went away in the meantime: somebody rotates right now, so look again. `cache` keeps heads of
    files that have not changed between calls. A symbolic link's target may be rotated beside the target.
    """
    found, whole, heads = dict[Ident, Sibling](), True, dict[tuple[str, Ident, int, int], bytes]()
    for folder, base in {os.path.split(path), os.path.split(os.path.realpath(path))}:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            mark = mark_of(base, name)
            if mark is None:
                continue
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


def _beside(folder: str, live: Iterable[str]) -> list[str]:
    return [one for one in live if os.path.dirname(one) == folder]
