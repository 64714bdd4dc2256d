"""A brief made ready for the rules: masked, cleaned, what is data set aside, labels found."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TypeVar

from pilotage.core.brief import aside, orders
from pilotage.core.brief.cleaning import Cleaned, clean
from pilotage.core.brief.facts import Conflict, Kind, Suspicion, Value
from pilotage.core.brief.labels import Labelled
from pilotage.core.brief.languages import language
from pilotage.core.brief.layout import BREAK, smooth
from pilotage.core.brief.patterns import Pattern
from pilotage.core.redact import HIDDEN, secret_places

T = TypeVar("T")

MOST = 20_000
"""Characters of a brief that are kept."""
READ = 3_000
"""Characters in which facts are looked for: a brief is short, a novel is not a brief."""
SHOWN = 120
MOST_DOUBTS = 40
"""Suspicions of one kind that are listed; a text with more is plain enough."""
_AROUND = " *`\"'_,;:()[].\n"
_ADDRESS = Pattern(r"\bhttps?://[^\s<>]{1,2000}")


class Reading:
    """`low` is what rules match: lower case, no accents, no data, one character for one of `plain`.

    `cased` is `plain` without data. Rules count in these; `value` and `doubt` turn that into places of the brief's own
    text. Addresses of the web stand in `cased` only: no version is read out of one.
    """

    def __init__(self, text: str) -> None:
        cleaned, secrets = _masked(text)
        self.text = cleaned.text
        self.plain = cleaned.plain
        self._cleaned = cleaned
        self.doubts: list[Suspicion] = []
        self.conflicts: list[Conflict] = []
        self._hidden_characters(cleaned)
        apart = self._apart(cleaned, secrets)
        self.low = _ADDRESS.sub(lambda found: "~" * len(found[0]), smooth(cleaned.low, apart))
        self.cased = _without(cleaned.plain, apart)
        self.language, foreign = language(self.low[:READ])
        if foreign:
            self.doubt("language", "few known words: only English, German and Spanish are read")
        self._shorten(len(text))
        self.labels = Labelled(self.low)

    @property
    def dots_are_thousands(self) -> bool:
        return self.language in ("de", "es")

    def value(self, start: int, end: int, value: T, confidence: float = 1.0) -> Value[T]:
        """A fact at a span of `plain`."""
        return Value(value, *self._cleaned.place(start, end), round(confidence, 2))

    def said(self, start: int, end: int) -> str:
        """The words at a span, without markers around them, on one line."""
        return " ".join(self.plain[start:end].split()).strip(_AROUND)

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        """A span without the markers that `said` leaves out."""
        while start < end and self.plain[start] in _AROUND:
            start += 1
        while end > start and self.plain[end - 1] in _AROUND:
            end -= 1
        return start, end

    def doubt(self, kind: Kind, text: str, start: int = 0, end: int = 0) -> None:
        """`start` and `end` count in `plain`. A kind is listed up to `MOST_DOUBTS` times."""
        if sum(one.kind == kind for one in self.doubts) < MOST_DOUBTS:
            self.doubts.append(Suspicion(kind, shown(text), *self._cleaned.place(start, end)))

    def in_label(self, place: int, *keys: str) -> bool:
        """Whether a label of these keys stands before `place`."""
        segment = self.labels.at(place)
        return segment is not None and segment.key in keys

    def sentence(self, place: int) -> tuple[int, int]:
        return orders.sentence(self.low, place, place)

    def _hidden_characters(self, cleaned: Cleaned) -> None:
        if cleaned.invisible:
            codes = [f"U+{ord(cleaned.text[one]):04X}" for one in cleaned.invisible]
            names = ", ".join(list(dict.fromkeys(codes))[:5])
            first = cleaned.invisible[0]
            text = f"{len(codes)} character{'s' if len(codes) > 1 else ''} that nobody sees ({names})"
            self.doubts.append(Suspicion("invisible", text, first, first + 1))
        for start, end in cleaned.lookalikes:
            self.doubt("look-alike", f'"{self.said(start, end)}" has letters of another alphabet', start, end)

    def _apart(self, cleaned: Cleaned, secrets: int) -> list[tuple[int, int]]:
        """Spans that give no facts. What lies within another one is not reported twice."""
        found: list[tuple[int, int, Kind]] = []
        found += [(start, end, "quoted") for start, end in aside.quoted(cleaned.plain, cleaned.low)]
        found += [(start, end, "instruction") for start, end in orders.instructions(cleaned.low)]
        found += [(start, end, "command") for start, end in orders.commands(cleaned.low)]
        if secrets:
            found += [(start, end, "secret") for start, end in _all(cleaned.plain, HIDDEN)][:secrets]
        told: dict[Kind, int] = {}
        for start, end, kind in sorted(found, key=lambda one: (one[0], -one[1])):
            if end > told.get(kind, 0) and cleaned.plain[start:end].strip():
                self.doubt(kind, self.plain[start:end], start, end)
                told[kind] = end
        return [(start, end) for start, end, _ in found]

    def _shorten(self, given: int) -> None:
        """Facts are looked for up to the last line, sentence or word that ends before `READ`."""
        if given <= READ and len(self.low) <= READ:
            return
        cut = max(self.low.rfind(mark, READ // 2, READ) for mark in ("\n", ". "))
        if cut < 0:
            cut = max(self.low.rfind(" ", READ // 2, READ), 0)
        if len(self.low) > READ:
            self.low, self.cased = self.low[:cut], self.cased[:cut]
        else:
            cut = len(self.low)
        self.doubt("length", f"{given:,} characters: facts were looked for in the first {cut:,} only")


def shown(text: str) -> str:
    """One line, at most `SHOWN` characters, nothing that plays tricks on a terminal."""
    visible = "".join(one if one.isprintable() else " " for one in text[: 4 * SHOWN])
    line = " ".join(visible.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def _masked(text: str) -> tuple[Cleaned, int]:
    """The text with secrets masked, cut; and how many secrets there were."""
    cleaned = clean(text[: MOST + 2_000])
    places = [cleaned.place(start, end) for start, end in secret_places(cleaned.plain)]
    cut = MOST
    pieces, done = [], 0
    for start, end in places:
        if start >= cut:
            break
        start = max(start, done)
        pieces += [cleaned.text[done:start], HIDDEN]
        done = max(done, end)
    if not pieces:
        return (cleaned if len(cleaned.text) <= MOST else clean(cleaned.text[:MOST])), 0
    pieces.append(cleaned.text[done : max(done, cut)])
    return clean("".join(pieces)[:MOST]), len(pieces) // 2


def _without(text: str, aside: list[tuple[int, int]]) -> str:
    pieces, done = [], 0
    for start, end in sorted(aside):
        if end > done:
            pieces += [text[done : max(start, done)], BREAK * (end - max(start, done))]
            done = end
    return "".join([*pieces, text[done:]])


def _all(text: str, part: str) -> Iterable[tuple[int, int]]:
    place = text.find(part)
    while place >= 0:
        yield place, place + len(part)
        place = text.find(part, place + len(part))


def flat(word: str) -> str:
    """Lower case, no accents; for comparing values."""
    return "".join(one for one in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(one))
