"""What the rules search in: the cleaned text, its sentences, and what stands behind labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from pilotage.core.brief.clean import Clean
from pilotage.core.brief.facts import Value
from pilotage.core.brief.vocabulary import LABELS, language_of

T = TypeVar("T")

FLAGS = re.IGNORECASE
_NAMES = {label: fact for fact, labels in LABELS.items() for label in labels}
_LABEL = re.compile(
    r"(?<![\w-])(?:\*\*|__)?("
    + "|".join(re.escape(one).replace(r"\ ", r"[ -]") for one in sorted(_NAMES, key=len, reverse=True))
    + r")(?:\(s\))?(?:\*\*|__)?\s{0,3}[:=](?:\*\*|__)?(?!//)[ \t]*",
    FLAGS,
)
_STOP = re.compile(r"\n|;|[.!?](?=\s|$)|\s[-–|]\s(?=\w+\s?:)|,\s*(?=[\w -]{2,20}\s?:\s)")


@dataclass(frozen=True)
class Label:
    """`fact` is what it names; its value stands at [start, end)."""

    fact: str
    start: int
    end: int


@dataclass(frozen=True)
class Text:
    clean: Clean
    language: str = field(default="")

    @classmethod
    def of(cls, clean: Clean) -> Text:
        return cls(clean, language_of(clean.matched))

    @property
    def matched(self) -> str:
        return self.clean.matched

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        """Each value ends with its line or sentence, or where the next label begins."""
        found = list(_LABEL.finditer(self.matched))
        labels = []
        for place, match in enumerate(found):
            following = found[place + 1].start() if place + 1 < len(found) else len(self.matched)
            stop = _STOP.search(self.matched, match.end(), following)
            end = stop.start() if stop else following
            name = " ".join(match[1].lower().replace("-", " ").split())
            fact = _NAMES.get(match[1].lower()) or _NAMES.get(name) or _NAMES.get(name.replace(" ", "-"), "")
            labels.append(Label(fact, match.end(), end))
        return tuple(labels)

    def labelled(self, fact: str) -> Iterator[Label]:
        return (one for one in self.labels if one.fact == fact and self.matched[one.start : one.end].strip())

    def value(self, match: re.Match[str], value: T, group: int = 0, confidence: float = 1.0) -> Value[T]:
        return self.at(match.start(group), match.end(group), value, confidence)

    def at(self, start: int, end: int, value: T, confidence: float = 1.0) -> Value[T]:
        """Spaces around it do not belong to it."""
        while end > start and self.matched[end - 1].isspace():
            end -= 1
        while start < end and self.matched[start].isspace():
            start += 1
        first, last = self.clean.span(start, end)
        return Value(value, first, last, confidence)
