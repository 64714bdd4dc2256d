"""A page as a plain value: what it says, apart from how it is written. `markdown.py` and `html.py` write it.

All text may come from outside; whoever writes a page keeps it text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Strong:
    text: str


@dataclass(frozen=True)
class Code:
    """A command, a name or a digest, to be read sign by sign."""

    text: str


Run = str | Strong | Code
Line = Run | tuple[Run, ...]
"""One line of text; parts of it may stand out."""


@dataclass(frozen=True)
class Paragraph:
    line: Line


@dataclass(frozen=True)
class Facts:
    """(name, what is so)."""

    rows: tuple[tuple[str, Line], ...]


@dataclass(frozen=True)
class Table:
    """`rows` are as wide as `columns`; the first cell of each says what the row is about. `about` names the table."""

    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Bullet:
    """`excerpt`: lines of a log, shown as they are."""

    line: Line
    excerpt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bullets:
    items: tuple[Bullet, ...]


@dataclass(frozen=True)
class Picture:
    """`svg` is trusted markup of our own; `address` is where Markdown finds it as a file (empty: nowhere)."""

    about: str
    svg: str = ""
    address: str = ""


Block = Paragraph | Facts | Table | Bullets | Picture


@dataclass(frozen=True)
class Section:
    """`parts` are one heading lower."""

    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Page:
    """`lead` is the one sentence to read when there is time for one."""

    title: str
    lead: str
    blocks: tuple[Block, ...]
    sections: tuple[Section, ...]


def bullets(lines: list[Line]) -> Bullets:
    return Bullets(tuple(Bullet(one) for one in lines))
