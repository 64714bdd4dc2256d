"""What differs in meaning between two plans, as plain data (mappings, lists, texts, numbers) in, as changes out.

Comments, layout and the order of keys are no difference; the order of rows is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

NAMED_BY = ("id", "name", "weight", "preset", "driver", "role", "after")
"""What a row of a list is called by: the first of these that it has."""


class Absent(Enum):
    """Stands where a plan has nothing."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True)
class Row:
    """A step of a place into a list, by what the row is called."""

    label: str


Place = tuple[str | Row, ...]


@dataclass(frozen=True)
class Change:
    """`before` or `after` is ABSENT where only one plan has it. `order`: the same rows in another order, by name."""

    place: Place
    before: Any
    after: Any
    order: bool = False

    @property
    def path(self) -> str:
        """As ``phases[10%].watch``."""
        parts = [f"[{step.label}]" if isinstance(step, Row) else f".{step}" for step in self.place]
        return "".join(parts).removeprefix(".") or "(plan)"


def diff(before: Any, after: Any) -> tuple[Change, ...]:
    """The changes that lead from one plan to the other, in the order of the first; empty only for the same content."""
    return tuple(_changes(before, after, ()))


def rows(value: Any) -> dict[str, Any]:
    """A list's rows by what they are called; a name's second row is ``name#2``, a row without one its place from 0."""
    found: dict[str, Any] = {}
    for index, row in enumerate(value if isinstance(value, list) else ()):
        label = name = _name(row) or str(index)
        number = 1
        while label in found:
            number += 1
            label = f"{name}#{number}"
        found[label] = row
    return found


def partners(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """For rows of one list their names in the other. A phase with another weight at the same place is that phase."""
    found = {label: label for label in old if label in new}
    if all(isinstance(row, Mapping) and "weight" in row for row in (*old.values(), *new.values())):
        places = zip(old, new, strict=False)
        found |= {one: other for one, other in places if one not in found and other not in old}
    return found


def _name(row: Any) -> str:
    if not isinstance(row, Mapping):
        return ""
    for key in NAMED_BY:
        if isinstance(row.get(key), (str, int, float)) and str(row[key]):
            return str(row[key])
    return ""


def _changes(before: Any, after: Any, place: Place) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in (*before, *(one for one in after if one not in before)):
            yield from _changes(before.get(key, ABSENT), after.get(key, ABSENT), (*place, key))
    elif _has_rows(before) and _has_rows(after):
        yield from _in_rows(before, after, place)
    elif not _same(before, after):
        yield Change(place, before, after)


def _has_rows(value: Any) -> bool:
    """Lists of plain values, such as a command's arguments, are compared as a whole."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _in_rows(before: Sequence[Any], after: Sequence[Any], place: Place) -> Iterator[Change]:
    old, new = rows(before), rows(after)
    partner = partners(old, new)
    for label, row in old.items():
        yield from _changes(row, new[partner[label]] if label in partner else ABSENT, (*place, Row(label)))
    met = set(partner.values())
    for label, row in new.items():
        if label not in met:
            yield Change((*place, Row(label)), ABSENT, row)
    stands = {label: index for index, label in enumerate(new)}
    was = [label for label in old if label in partner]
    now = sorted(was, key=lambda label: stands[partner[label]])
    if was != now:
        yield Change(place, was, now, order=True)


def _same(before: Any, after: Any) -> bool:
    """As JSON tells values apart: 1, 1.0, true and "1" are four."""
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    return type(before) is type(after) and repr(before) == repr(after)
