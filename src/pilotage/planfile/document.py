"""YAML text -> a tree of values that know their line. Refuses what a plan never needs: anchors, aliases, tags.

Built from parser events with a stack of its own, so neither depth nor aliases can blow up memory or the call stack.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pilotage.core.errors import Problem

MAX_CHARACTERS = 100_000
MAX_DEPTH = 16

_CONTROL = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")
_INT = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass
class Node:
    """`value` is a scalar, a list of nodes or a dict of nodes; `text` is the scalar as written; lines count from 1."""

    value: Any
    line: int
    text: str = ""
    key_lines: dict[str, int] = field(default_factory=dict)

    def plain(self) -> Any:
        """The same value as plain JSON data."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        yield path, self
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.walk(f"{path}.{key}" if path else key)
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.walk(f"{path}[{index}]")


def one_line(text: str, most: int) -> str:
    """For a message: at most so many characters, and none that would break the line or play tricks on a terminal."""
    if len(text) > most:
        text = text[: most - 3] + "..."
    return text if text.isprintable() else "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


class NotReadable(Exception):
    """The text has no tree; carries the one Problem that says why."""

    def __init__(self, expected: str, got: str, line: int | None, hint: str = "") -> None:
        super().__init__(expected)
        self.problem = Problem("(file)", expected, got, line, hint)


@dataclass(frozen=True)
class Bounds:
    """What is read: a plan, or a file of another kind with several documents."""

    what: str = "a plan"
    characters: int = MAX_CHARACTERS
    depth: int = MAX_DEPTH
    documents: int = 1


def read(text: str) -> tuple[Node, list[Problem]]:
    """The document's tree, and the problems that do not stop the reading (keys written twice). Raises NotReadable."""
    roots, problems = read_all(text, Bounds())
    return roots[0], problems


def read_all(text: str, bounds: Bounds) -> tuple[list[Node], list[Problem]]:
    """As `read`, for every document that is not empty."""
    if len(text) > bounds.characters:
        raise NotReadable(f"{bounds.what} of at most {bounds.characters:,} characters", f"{len(text):,}", None)
    text = text.removeprefix("\ufeff")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise NotReadable("readable text", f"the control character U+{ord(found.group()):04X}", line)
    try:
        return _Builder(bounds).build(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "text that is not YAML"
        where = int(mark.line) + 1 if mark is not None else None
        raise NotReadable("valid YAML", str(what).splitlines()[0], where, "Check quotes, brackets, indents.") from None
    except (ValueError, IndexError, TypeError, AttributeError, RecursionError, AssertionError, KeyError):
        # The parser trips over some malformed input with errors of Python's own.
        raise NotReadable("valid YAML", "text that is not YAML", None) from None


class _Builder:
    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.stack: list[Node] = []
        self.keys: list[str | None] = []
        """For each mapping on the stack: the key whose value comes next."""
        self.names: list[str] = []
        """For each mapping on the stack: the key read last."""
        self.roots: list[Node] = []
        self.problems: list[Problem] = []

    def build(self, text: str) -> tuple[list[Node], list[Problem]]:
        documents = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            kind, line = type(event).__name__, event.start_mark.line + 1
            if kind == "AliasEvent" or getattr(event, "anchor", None):
                raise NotReadable(
                    f"{self.bounds.what} without anchors and aliases", "an anchor or alias", line, "Write it out."
                )
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > self.bounds.documents:
                    most = self.bounds.documents
                    allowed = "one YAML document" if most == 1 else f"at most {most} YAML documents"
                    raise NotReadable(allowed, "a second one" if most == 1 else "one more", line)
            elif kind == "ScalarEvent":
                self.scalar(event, line)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self.refuse_tag(event, line)
                if len(self.stack) >= self.bounds.depth:
                    raise NotReadable(f"at most {self.bounds.depth} levels", "deeper nesting", line)
                node = Node({} if kind == "MappingStartEvent" else [], line)
                self.add(node)
                self.stack.append(node)
                self.keys.append(None)
                self.names.append("")
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self.stack.pop()
                self.keys.pop()
                self.names.pop()
        if not self.roots:
            raise NotReadable(self.bounds.what, "an empty file", 1)
        return self.roots, self.problems

    def refuse_tag(self, event: Any, line: int) -> None:
        if getattr(event, "tag", None):
            raise NotReadable(f"{self.bounds.what} without YAML tags", "a tag (!...)", line)

    def scalar(self, event: Any, line: int) -> None:
        self.refuse_tag(event, line)
        written: str = event.value
        if found := _CONTROL.search(written):
            raise NotReadable("readable text", f"the control character U+{ord(found.group()):04X}", line)
        self.add(Node(_plain_scalar(written) if event.style is None else written, line, written))

    def path(self) -> str:
        """Of the key read last."""
        parts = [
            f"[{len(one.value) - 1}]" if isinstance(one.value, list) else f".{name[:60]}"
            for one, name in zip(self.stack, self.names, strict=True)
        ]
        return one_line("".join(parts).removeprefix("."), 300)

    def add(self, node: Node) -> None:
        if not self.stack:
            self.roots.append(node)
            return
        parent = self.stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif self.keys[-1] is None:
            if isinstance(node.value, (dict, list)) or not node.text:
                raise NotReadable("text as a key", "a key that is not text", node.line)
            self.names[-1] = node.text
            if node.text in parent.value:
                first = parent.key_lines[node.text]
                self.problems.append(
                    Problem(self.path(), "each key once", f"it again (first on line {first})", node.line)
                )
            else:
                parent.key_lines[node.text] = node.line
            self.keys[-1] = node.text
        else:
            key = self.keys[-1]
            self.keys[-1] = None
            parent.value.setdefault(key, node)


def _plain_scalar(text: str) -> Any:
    """An unquoted scalar by YAML 1.2's core rules; numbers that are not finite stay text and are refused later."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
