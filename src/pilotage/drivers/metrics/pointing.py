"""Where numbers stand in a JSON document: JSON Pointer (RFC 6901), and three more kinds of steps for many of them.

A pointer is steps after slashes: a member's name or an element's index; ``*`` for every element or member; ``{label}``
for every member of an object, whose names become the label's values; ``name=value`` for every element or member that
has this field. The texts beside a number, in the same object, are its labels where they are no numbers themselves; so
is what is called ``le``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pilotage.drivers import Point
from pilotage.drivers.answers import one_line

_NAMED = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)\}")
_FIELD = re.compile(r"([^=]+)=(.*)", re.DOTALL)
MOST_POINTS = 10_000

Labels = dict[str, str]


class Misfit(ValueError):
    """The document has something else there; the text says what, as a clause."""


@lru_cache(maxsize=1024)
def steps(pointer: str) -> tuple[str, ...]:
    """Raises ValueError (a noun phrase)."""
    if not pointer.startswith("/"):
        raise ValueError("a pointer that begins with /, such as /requests/total")
    if re.search(r"~(?![01])", pointer):
        raise ValueError("a pointer with ~0 for ~ and ~1 for /")
    return tuple(pointer[1:].split("/"))


def points(document: Any, pointer: str) -> list[Point]:
    """The numbers there; none where nothing is, or null. Raises Misfit."""
    found = []
    for value, labels in _walk(document, steps(pointer), {}, "", {}):
        number = _number(value)
        if number is not None:
            found.append(Point(labels, number))
        if len(found) > MOST_POINTS:
            raise Misfit(f"has more than {MOST_POINTS} numbers there")
    return found


def _walk(
    value: Any, left: tuple[str, ...], labels: Labels, place: str, beside: Mapping[str, Any]
) -> Iterator[tuple[Any, Labels]]:
    """`beside` is the object that `value` stands in."""
    if not left:
        yield value, _texts(beside) | labels
        return
    if value is None:
        return
    if not isinstance(value, dict | list):
        raise Misfit(f"has {_kind(value)} {_at(place)}, where /{one_line(left[0], 40)} is asked for")
    inside = value if isinstance(value, dict) else {}
    for name, one in _step(value, left[0], place):
        named = _NAMED.fullmatch(left[0])
        more = labels | {named[1]: name} if named else labels
        yield from _walk(one, left[1:], more, f"{place}/{name}", inside)


def _step(value: dict[str, Any] | list[Any], step: str, place: str) -> Iterator[tuple[str, Any]]:
    """The members or elements that a step names, each with its own name."""
    named, field = _NAMED.fullmatch(step), _FIELD.fullmatch(step)
    members = list(value.items()) if isinstance(value, dict) else [(str(at), one) for at, one in enumerate(value)]
    if step == "*":
        yield from members
    elif named:
        if isinstance(value, list):
            raise Misfit(f"has a list {_at(place)}, where {step} needs an object")
        yield from members
    elif isinstance(value, dict) and (name := _plain(step)) in value:
        yield name, value[name]
    elif field:
        key, wanted = _plain(field[1]), _plain(field[2])
        yield from (one for one in members if isinstance(one[1], dict) and _text(one[1].get(key)) == wanted)
    elif isinstance(value, list):
        if not (step.isascii() and step.isdigit()):
            raise Misfit(f"has a list {_at(place)}, where /{one_line(step, 40)} is asked for")
        if len(step) < 8 and int(step) < len(value):
            yield step, value[int(step)]


def _at(place: str) -> str:
    return f"at {one_line(place, 80)}" if place else "at its top"


def _plain(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def _texts(beside: Mapping[str, Any]) -> Labels:
    found = {name: value for name, value in beside.items() if isinstance(value, str) and not _is_number(value)}
    if (bound := _text(beside.get("le"))) is not None:
        found["le"] = bound
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _text(value: Any) -> str | None:
    """As it would stand in a label."""
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    """Also one that is written as a text. None for null; NaN is kept, for the engine to tell."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misfit(f"has {_kind(value)} where a number is expected")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise Misfit(f"has {_kind(value)} where a number is expected") from None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{one_line(value, 40)}"'
    names = {dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(value), f"the number {value}"[:60])
