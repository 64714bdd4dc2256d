"""A plan as entries with comments, written as YAML text for a person. The same entries, the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 116
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d+(?:\.\d+)?(?:%|x|ms|s|m|h|d|[kMG]?/(?:s|min|h|day))", re.ASCII)
_WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"}


@dataclass(frozen=True)
class Entry:
    """`value` is a scalar, a mapping, a list, or a tuple of entries (a mapping whose lines have notes).

    `above` are comment lines before it, `note` the comment at its end. Without a key only the comments are written.
    """

    key: str = ""
    value: Any = None
    note: str = ""
    above: tuple[str, ...] = ()
    gap: bool = False
    """An empty line before it."""


@dataclass(frozen=True)
class Row:
    """An item of a list, with a comment of its own."""

    value: Any
    note: str = ""


class Quoted(str):
    """Text that is always written in quotes: 1.10 is a version, not a number."""


def one_line(text: str) -> str:
    """Text from outside cannot leave its line: what is not printable becomes a space."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def plain(entries: Iterable[Entry]) -> dict[str, Any]:
    """What the loader reads in the written text."""
    return {one.key: _plain(one.value) for one in entries if one.key}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return plain(value)
    if isinstance(value, Row):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {one_line(str(key)): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return one_line(value) if isinstance(value, str) else value


def write(entries: Iterable[Entry]) -> str:
    return "\n".join(_lines(entries, "")) + "\n"


def _lines(entries: Iterable[Entry], indent: str) -> list[str]:
    lines: list[str] = []
    for one in entries:
        lines += [""] if one.gap else []
        lines += [f"{indent}# {_comment(comment)}".rstrip() for comment in one.above]
        if one.key:
            lines += _value(f"{indent}{one.key}:", one.value, one.note, indent + "  ")
    return lines


def _value(head: str, value: Any, note: str, indent: str) -> list[str]:
    if isinstance(value, tuple):
        return [_noted(head, note), *_lines(value, indent)]
    if isinstance(value, list) and any(isinstance(_plain(one), (dict, list)) for one in value):
        return [_noted(head, note), *(line for one in value for line in _row(one, indent))]
    flow = f"{head} {_flow(value)}"
    if isinstance(value, Mapping) and value and len(flow) > WIDTH:
        return [_noted(head, note), *_lines((Entry(key, one) for key, one in value.items()), indent)]
    if isinstance(value, list) and value and len(flow) > WIDTH:
        return [_noted(head, note), *(f"{indent}- {_flow(_plain(one))}" for one in value)]
    return [_noted(flow, note)]


def _row(row: Any, indent: str) -> list[str]:
    note, value = (row.note, row.value) if isinstance(row, Row) else ("", row)
    flow = f"{indent}- {_flow(value)}"
    if not isinstance(value, Mapping) or len(flow) <= WIDTH:
        return [_noted(flow, note)]
    inside = _lines((Entry(key, one) for key, one in value.items()), indent + "  ")
    first = f"{indent}- {inside[0].strip()}"
    return [f"{indent}# {_comment(note)}", first, *inside[1:]] if note else [first, *inside[1:]]


def _noted(line: str, note: str) -> str:
    return f"{line}  # {_comment(note)}" if note else line


def _comment(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = one_line(str(value))
    if not isinstance(value, Quoted) and _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return json.dumps(text, ensure_ascii=False)
