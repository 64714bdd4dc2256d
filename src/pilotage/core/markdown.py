"""Markdown from text that comes from outside: it stays text, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pilotage.core.words import printable


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Cells are text; those that are Markdown already are wrapped in `Marked`."""
    head = ["| " + " | ".join(_cell(cell) for cell in columns) + " |", "|" + " --- |" * len(columns)]
    return head + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


class Marked(str):
    """Text that is Markdown already."""


def _cell(text: str) -> str:
    return text if isinstance(text, Marked) else inline(text)


def inline(text: str) -> str:
    """Text from outside stays text: no new table cells, no new lines, no markup or links, nothing that steers a
    terminal or turns the direction of reading."""
    flat = " ".join(printable(text).split())
    for sign in ("\\", "|", "<", "[", "]", "*", "`"):
        flat = flat.replace(sign, "\\" + sign)
    return flat


def code(text: str) -> Marked:
    """A command or a name, as code: also within a table, and with backticks in it."""
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split()).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in _runs(flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return Marked(f"{fence}{pad}{flat}{pad}{fence}") if flat else Marked("")


def _runs(text: str) -> list[str]:
    runs, run = [], ""
    for sign in text + " ":
        if sign == "`":
            run += sign
        elif run:
            runs.append(run)
            run = ""
    return runs


def address(text: str) -> str:
    """An address between ``<`` and ``>`` stays between them."""
    return "".join(sign for sign in text if sign.isprintable() and sign not in "<>\\")


JOINER = "\u2060"
"""Takes no room and breaks no line; what it stands in is no markup any more."""
_LINK = re.compile(r"\](?=[(\[:]|$)")
_TAG = re.compile(r"<(?=[\w/!@#?]|$)")
_MENTION = re.compile(r"(?<!\w)@(?=[\w&!]|$)")
_MAIL = re.compile(r"<(?=[^<>\s]*@[^<>\s]*>)")
"""An address in angle brackets is a link whatever stands in it: only another sign helps."""


def plain(text: str) -> str:
    """Text from outside for a chat, whose rules of escaping nobody knows: no link, mention, tag or code comes of it.

    An address that stands there openly stays one. Lines become one line.
    """
    flat = _MAIL.sub("\u2039", " ".join(text.split()).replace("`", "'"))
    for sign in (_LINK, _TAG, _MENTION):
        flat = sign.sub(lambda found: found[0] + JOINER, flat)
    return flat
