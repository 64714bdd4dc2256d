"""YAML by lines: what is needed of compose files and manifests, without a loader and whatever they contain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pilotage.repository.files import Line

_KEY = re.compile(r"""(\s*)["']?([\w./-]+)["']?\s*:(?:\s+(.*))?$""")
_MOST_BLOCKS = 200


@dataclass(frozen=True)
class Block:
    """A key with the lines indented below it."""

    key: str
    start: Line
    lines: tuple[Line, ...]


def documents(lines: list[Line]) -> Iterator[list[Line]]:
    part: list[Line] = []
    for line in lines:
        if line.text.startswith("---"):
            if part:
                yield part
            part = []
        else:
            part.append(line)
    if part:
        yield part


def below(lines: list[Line], key: str) -> list[Block]:
    """The blocks directly below a top-level key, such as each of compose's services."""
    inside: list[Line] = []
    open_ = False
    for line in lines:
        if not line.text.strip() or line.text.lstrip().startswith("#"):
            continue
        if not line.text[0].isspace():
            open_ = line.text.split("#")[0].strip() in (f"{key}:", f'"{key}":')
        elif open_:
            inside.append(line)
    return _blocks(inside)


def _blocks(lines: list[Line]) -> list[Block]:
    depth = _depth(lines[0]) if lines else 0
    starts = [place for place, line in enumerate(lines) if _depth(line) == depth and _KEY.match(line.text)]
    starts = starts[:_MOST_BLOCKS]
    if not starts:
        return []
    found = []
    for place, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if key := _KEY.match(lines[place].text):
            found.append(Block(key[2], lines[place], tuple(lines[place + 1 : end])))
    return found


def value(lines: list[Line] | tuple[Line, ...], key: str, depth: int | None = None) -> tuple[Line, str] | None:
    """The first plain value of a key, at an indentation or at any."""
    for line in lines:
        found = _KEY.match(line.text)
        if found and found[2] == key and found[3] and (depth is None or len(found[1]) == depth):
            return line, plain(found[3])
    return None


def inner(lines: list[Line], key: str) -> list[Line]:
    """The lines below the first key of that name, at any depth."""
    for place, line in enumerate(lines):
        found = _KEY.match(line.text)
        if found and found[2] == key:
            body = []
            for one in lines[place + 1 :]:
                if one.text.strip() and _depth(one) <= len(found[1]):
                    break
                body.append(one)
            return body
    return []


def plain(text: str) -> str:
    """A value without quotes and comment."""
    text = text.strip()
    if text[:1] in "\"'" and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.split(r"\s#", text)[0].strip()


def _depth(line: Line) -> int:
    return len(line.text) - len(line.text.lstrip())
