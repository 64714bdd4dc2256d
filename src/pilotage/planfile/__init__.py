"""What a person writes: a YAML plan file becomes a Plan, or a PlanError with every mistake and its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import Plan
from pilotage.planfile.compile import A_PLACEHOLDER, compile_plan
from pilotage.planfile.document import MAX_CHARACTERS, Node, NotReadable, read
from pilotage.planfile.reader import Reader

__all__ = ["Outline", "digest_of", "load", "load_file", "outline", "outline_file", "read", "read_file", "read_text"]


def load(text: str, *, directory: Path, file: str = "", secrets: bool = True) -> Plan:
    """The plan in `text`; relative paths in it start at `directory`. Raises PlanError with all problems found.

    Without `secrets` those that cannot be read here are no problem: who needs them finds out.
    """
    reader = Reader(secrets)
    try:
        tree, twice = read(text)
    except NotReadable as error:
        raise PlanError((error.problem,), file) from None
    reader.problems.extend(twice)
    plan = compile_plan(reader, tree, directory=str(directory.absolute()), digest=digest_of(tree))
    if plan is None or reader.problems:
        ordered = sorted(dict.fromkeys(reader.problems), key=lambda one: one.line or 0)
        raise PlanError(tuple(ordered), file)
    return plan


def digest_of(tree: Node) -> str:
    """``sha256:...`` of what the plan says: comments, order of keys and layout do not matter, every value does."""
    said = json.dumps(tree.plain(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class Outline:
    """A plan as far as it is written: `data` is its tree, `open` the places that still hold a placeholder."""

    data: Mapping[str, Any]
    digest: str
    open: tuple[Problem, ...]


def outline(text: str, *, directory: Path, file: str = "") -> Outline:
    """The plan in `text`, placeholders allowed. Raises PlanError with every other problem."""
    try:
        tree, _ = read(text)
    except NotReadable as error:
        raise PlanError((error.problem,), file) from None
    open_places: tuple[Problem, ...] = ()
    try:
        load(text, directory=directory, file=file)
    except PlanError as error:
        others = tuple(one for one in error.problems if not one.got.startswith(A_PLACEHOLDER))
        if others:
            raise PlanError(others, file) from None
        open_places = error.problems
    return Outline(tree.plain(), digest_of(tree), open_places)


def load_file(path: Path, secrets: bool = True) -> Plan:
    """The plan in a UTF-8 file. Raises PlanError, also when the file cannot be read."""
    return load(_text(path), directory=path.absolute().parent, file=str(path), secrets=secrets)


def outline_file(path: Path) -> Outline:
    """As `outline`, of a UTF-8 file."""
    return outline(_text(path), directory=path.absolute().parent, file=str(path))


def read_file(path: Path) -> tuple[Node, tuple[Problem, ...]]:
    """As `read_text`, of a UTF-8 file."""
    return read_text(_text(path), str(path))


def read_text(text: str, file: str = "") -> tuple[Node, tuple[Problem, ...]]:
    """What a plan says, unchecked: its tree, and the keys that it says twice. Raises PlanError without a tree."""
    try:
        tree, twice = read(text)
    except NotReadable as error:
        raise PlanError((error.problem,), file) from None
    if not isinstance(tree.value, dict):
        raise PlanError((Problem("(plan)", "a mapping", "something else", tree.line),), file)
    return tree, tuple(twice)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as source:
            return source.read(4 * MAX_CHARACTERS + 1).decode("utf-8")
    except OSError as error:
        problem = Problem("(file)", "a plan file that can be read", error.strerror or type(error).__name__)
        raise PlanError((problem,), str(path)) from None
    except ValueError:
        problem = Problem("(file)", "text in UTF-8", "another encoding", hint="Save the file as UTF-8.")
        raise PlanError((problem,), str(path)) from None
