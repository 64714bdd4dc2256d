"""The text as given -> the text as matched, with a map back: where each character that is matched stood."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from pilotage.core.brief.lookalikes import fold
from pilotage.core.brief.patterns import Pattern

_PLAIN = Pattern(r"[\n\x20-\x7e]*")
_SURROGATES = Pattern("[\ud800-\udfff]")
_BREAKS = "\x0b\x0c\x85\u2028\u2029"
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters that show as nothing but are letters or symbols to Unicode."""
_SAME = str.maketrans("“”„‟«»‹›″‘’‚‛´′–—―−‐‑‒⇒➔➜⟶", '"""""""""\'\'\'\'\'\'-------→→→→')
_CLUSTER = 12
"""Combining marks that are looked at after one letter; more are dropped, so that no pile of them costs time."""


@dataclass(frozen=True)
class Cleaned:
    """`plain` keeps accents and case, `low` has neither; both as long as `starts` and `ends`, which count in `text`."""

    text: str
    plain: str
    low: str
    starts: Sequence[int]
    ends: Sequence[int]
    invisible: tuple[int, ...]
    """Where characters stand that nobody sees, counted in `text`."""
    lookalikes: tuple[tuple[int, int], ...]
    """Words with letters of another alphabet, counted in `plain`."""

    def place(self, start: int, end: int) -> tuple[int, int]:
        """A span of `plain` as a span of `text`."""
        if start >= end:
            return 0, 0
        return self.starts[start], self.ends[end - 1]


def clean(text: str) -> Cleaned:
    """Like Unicode's NFKC, character by character; line ends become newlines, other white space a space."""
    if _PLAIN.fullmatch(text):
        return Cleaned(text, text, text.lower(), range(len(text)), range(1, len(text) + 1), (), ())
    text = _SURROGATES.sub("\ufffd", text)
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    invisible: list[int] = []
    place = 0
    while place < len(text):
        end = place + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        for one in _normal(text, place, end, invisible):
            out.append(one)
            starts.append(place)
            ends.append(end)
        place = end
    plain, lookalikes = fold("".join(out))
    return Cleaned(text, plain, "".join(map(_bare, plain)), starts, ends, tuple(invisible), tuple(lookalikes))


def _normal(text: str, place: int, end: int, invisible: list[int]) -> str:
    one = text[place]
    if one.isascii() and end == place + 1 and (" " <= one <= "~" or one == "\n"):
        return one
    if one == "\r":
        return "" if text[end : end + 1] == "\n" else "\n"
    if one in _BREAKS:
        return "\n"
    if one == "\t" or (one.isspace() and one not in _BLANKS and end == place + 1 and not "\x1c" <= one <= "\x1f"):
        return " "
    if one in _BLANKS or unicodedata.category(one) in ("Cc", "Cf"):
        if not (one == "\u200d" and place and unicodedata.category(text[place - 1]) in ("So", "Sk", "Mn")):
            invisible.append(place)
        return ""
    if "\ufe00" <= one <= "\ufe0f":
        return ""
    return unicodedata.normalize("NFKC", text[place : min(end, place + _CLUSTER)]).translate(_SAME)


def _bare(one: str) -> str:
    """A letter without accents, in lower case; always one character."""
    if one.isascii():
        return one.lower()
    bare = unicodedata.normalize("NFD", one)[0]
    if bare == "ß":
        return "s"
    lower = bare.lower()
    return lower if len(lower) == 1 else bare
