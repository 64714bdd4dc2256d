"""What was written before following began: earlier generations, then each live file up to where reading starts."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from pilotage.drivers import Piece
from pilotage.drivers.logs.chain import Chain
from pilotage.drivers.logs.opened import (
    PIECE,
    Damaged,
    Packed,
    Plain,
    Print,
    Source,
    begin,
    ident_of,
    looks_binary,
    open_source,
)
from pilotage.drivers.logs.places import stream_name
from pilotage.drivers.logs.rotated import Folders, Sibling, siblings
from pilotage.drivers.logs.troubles import Troubles, why

UNPACK_LIMIT = 4 * 1024**3
"""So much is unpacked at most to find a packed file's end."""


@dataclass
class _Text:
    stream: str
    name: str
    source: Source
    begin: int
    end: int
    modified_ns: int
    rotated: bool


def earlier(chains: list[Chain], seconds: float, limit: int, troubles: Troubles) -> Generator[Piece, None, None]:
    """The newest `limit` bytes of what was touched within `seconds`, oldest file first."""
    since_ns = time.time_ns() - int(seconds * 1e9)
    texts: list[_Text] = []
    try:
        for chain in chains:
            texts += _live(chain, since_ns)
            texts += _rotated(chain, since_ns, troubles)
        texts.sort(key=lambda one: one.modified_ns)
        left = limit
        for one in reversed(texts):
            one.begin = max(one.begin, one.end - left)
            left -= one.end - one.begin
        for one in texts:
            yield from _pieces(one)
    finally:
        for one in texts:
            one.source.close()


def _pieces(one: _Text) -> Iterator[Piece]:
    at = one.begin
    while at < one.end:
        try:
            data = one.source.read(at, min(PIECE, one.end - at))
        except (Damaged, OSError):
            data = b""
        if not data:
            break
        at += len(data)
        yield Piece(one.stream, one.name, at - len(data), data, ended=one.rotated and at == one.end)


def _live(chain: Chain, since_ns: int) -> Iterator[_Text]:
    live = chain.live
    if live is None or not live.stream or live.start <= live.hole or not isinstance(live.source, Plain):
        return
    source = Plain(os.dup(live.source.fd))
    modified = os.fstat(source.fd).st_mtime_ns
    if modified < since_ns:
        source.close()
        return
    yield _Text(live.stream, chain.path, source, live.hole, live.start, 2**63 + modified, rotated=False)


def _rotated(chain: Chain, since_ns: int, troubles: Troubles) -> list[_Text]:
    for last in (False, False, True):
        found, whole = siblings(chain.path, {}, Folders())
        texts, kept = _open_all(chain, found, since_ns, troubles)
        if last or (whole and kept):
            break
        for one in texts:
            one.source.close()
    return texts


def _open_all(chain: Chain, found: list[Sibling], since_ns: int, troubles: Troubles) -> tuple[list[_Text], bool]:
    """The texts, and whether every name still belonged to the file that was listed: else somebody rotates."""
    texts, kept = [], True
    read = {one.ident for one in chain.generations} | chain.handed_idents
    heads = {one.head for one in chain.generations}
    for each in sorted(found, key=lambda one: one.packed):
        if each.modified_ns < since_ns or not each.head or each.ident in read or each.head in heads:
            continue
        if Print.of(each.head) in chain.handed:
            continue
        heads.add(each.head)
        if looks_binary(each.head):
            troubles.say(("binary", each.path), f"{each.path} looks binary, not like text; it is not read")
            continue
        try:
            source, about = open_source(each.path)
        except OSError as error:
            kept = kept and not isinstance(error, FileNotFoundError)
            troubles.say(("file", each.path), why(each.path, error))
            continue
        if ident_of(about) != each.ident:
            source.close()
            kept = False
            continue
        hole, head = begin(source)
        end = _length(source, each.path, troubles) if isinstance(source, Packed) else about.st_size
        name = stream_name(chain.path, ident_of(about), Print.of(head))
        texts.append(_Text(name, each.path, source, hole, end, about.st_mtime_ns, rotated=True))
    return texts, kept


def _length(source: Packed, path: str, troubles: Troubles) -> int:
    at = 0
    try:
        while at < UNPACK_LIMIT and (data := source.read(at, PIECE)):
            at += len(data)
    except Damaged as error:
        troubles.say(
            ("damaged", path), f"{path} is damaged after {at} unpacked bytes ({error}); what comes after is missing"
        )
    except OSError as error:
        troubles.say(("file", path), why(path, error))
    return at
