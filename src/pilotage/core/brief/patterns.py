"""Regular expressions that are compiled when they are first used: importing the parser stays cheap."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


class Pattern:
    """The few methods of `re.Pattern` the rules need. A space in the source matches two as well: where a quote or an
    asterisk stood there is one more."""

    __slots__ = ("_compiled", "_flags", "_source")

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source = source
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    def compiled(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(spaced(self._source), self._flags)
        return self._compiled

    def search(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        return self.compiled().search(text, start, len(text) if end is None else end)

    def match(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        return self.compiled().match(text, start, len(text) if end is None else end)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        return self.compiled().fullmatch(text)

    def finditer(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        return self.compiled().finditer(text, start, len(text) if end is None else end)

    def sub(self, instead: str | Callable[[re.Match[str]], str], text: str) -> str:
        return self.compiled().sub(instead, text)

    def findall(self, text: str) -> list[str]:
        """Whole matches; for patterns without groups."""
        return self.compiled().findall(text)


def spaced(source: str) -> str:
    """Single spaces outside of classes and look-behinds become `` {1,2}``, optional ones `` {0,2}``.

    Digits are those of ASCII: others look different to those who read a plan.
    """
    out: list[str] = []
    place, in_class, behind = 0, False, 0
    while place < len(source):
        one = source[place]
        if one == "\\":
            escaped = source[place : place + 2]
            digits = "0-9" if in_class else "[0-9]"
            out.append(digits if escaped == "\\d" else escaped)
            place += 2
            continue
        if in_class:
            in_class = one != "]"
        elif one == "[":
            in_class = True
        elif one == "(" and (behind or source.startswith(("(?<=", "(?<!"), place)):
            behind += 1
        elif one == ")" and behind:
            behind -= 1
        elif one == " " and not behind and source[place + 1 : place + 2] not in ("{", "*", "+"):
            optional = source[place + 1 : place + 2] == "?"
            out.append(" {0,2}" if optional else " {1,2}")
            place += 2 if optional else 1
            continue
        out.append(one)
        place += 1
    return "".join(out)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())
