"""Places in a manifest, read with their types: what is wrong becomes a problem, what has no equal becomes a note."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pilotage.core.errors import PlanError, Problem
from pilotage.planfile.document import Node, one_line
from pilotage.planfile.reader import show

Equal = Literal["equal", "nearest", "none", "unknown", "question"]
"""How a plan has it: the same; nearly; not at all; nobody knows the field; a person has to say."""
WORDS = {"nearest": "nearest", "none": "no equal", "unknown": "unknown field", "question": "to be said"}
MOST_NOTES = 2000
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,6})?(?:ns|us|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
MOST_SECONDS = 30 * 86400.0
NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
"""Of an object in Kubernetes (RFC 1123)."""


@dataclass(frozen=True)
class Note:
    """What a plan makes of one field. `look`: somebody has to look at it before the plan may count as whole."""

    file: str
    line: int
    path: str
    equal: Equal
    text: str
    look: bool = False


def told(notes: Sequence[Note]) -> list[str]:
    """A line for each; those that say the same of a file share one."""
    groups: dict[tuple[str, str, str], list[Note]] = {}
    for one in notes:
        groups.setdefault((one.file, one.equal, one.text), []).append(one)
    lines = []
    for same in groups.values():
        first = same[0]
        others = "".join(f", {_last(one, first)} (line {one.line})" for one in same[1:])
        lines.append(
            f"{first.file}:{first.line}: {first.path}{others}: {WORDS.get(first.equal, first.equal)}: {first.text}"
        )
    return lines


def _last(one: Note, first: Note) -> str:
    """Its name alone, where it lies beside the first."""
    place, _, name = one.path.rpartition(".")
    return name if place and place == first.path.rpartition(".")[0] else one.path


class FilesWrong(PlanError):
    """The files cannot be made a plan of; carries (file, problem) pairs."""

    def __init__(self, found: list[tuple[str, Problem]]) -> None:
        super().__init__(tuple(problem for _, problem in found))
        self.args = ("\n".join(f"{file}: {problem}" if file else str(problem) for file, problem in found),)


@dataclass
class Findings:
    """Problems stop the import; notes say what becomes of the fields."""

    problems: list[tuple[str, Problem]] = field(default_factory=list)
    notes: dict[tuple[str, str, int], Note] = field(default_factory=dict)

    def wrong(self, file: str, path: str, line: int | None, expected: str, got: str, hint: str = "") -> None:
        shown = (one_line(path, 300), one_line(expected, 300), one_line(got, 200))
        self.problems.append((one_line(file, 300), Problem(*shown, line, one_line(hint, 300))))

    def has_note(self, spot: Spot) -> bool:
        return (spot.file, spot.path, spot.document) in self.notes

    def note(self, spot: Spot, equal: Equal, text: str, look: bool = False) -> None:
        """The first word on a place counts."""
        found = Note(spot.file, spot.line, one_line(spot.path, 200), equal, one_line(text, 400), look)
        if len(self.notes) < MOST_NOTES:
            self.notes.setdefault((spot.file, spot.path, spot.document), found)
        else:
            more = f"more than {MOST_NOTES} fields have no equal: from here on they are not named"
            self.notes.setdefault(("", "", 0), replace(found, equal="unknown", text=more, look=True))


@dataclass(frozen=True)
class Spot:
    """A node with its place. `line` is the key's, where it has one; `document` is the line its document begins on."""

    findings: Findings
    file: str
    node: Node
    path: str
    line: int
    document: int

    @property
    def origin(self) -> str:
        """For a comment in the plan."""
        return f"from {one_line(self.path, 100)}"

    def __contains__(self, key: str) -> bool:
        return isinstance(self.node.value, dict) and key in self.node.value and self.node.value[key].value is not None

    @property
    def keys(self) -> tuple[str, ...]:
        """Those that say something."""
        return tuple(one for one in self.node.value if one in self) if isinstance(self.node.value, dict) else ()

    def at(self, *keys: str) -> Spot | None:
        """What lies below; None where nothing is said. What is no mapping on the way is a problem."""
        spot = self
        for key in keys:
            if not isinstance(spot.node.value, dict):
                spot.wrong(f"a mapping with {key}")
                return None
            if key not in spot:
                return None
            line = spot.node.key_lines.get(key, spot.line)
            path = f"{spot.path}.{key}" if spot.path else key
            spot = Spot(self.findings, self.file, spot.node.value[key], path, line, self.document)
        return spot

    def rows(self, *keys: str) -> list[Spot]:
        """The items of a list; none where nothing is said."""
        spot = self.at(*keys)
        if spot is None:
            return []
        if not isinstance(spot.node.value, list):
            spot.wrong("a list")
            return []
        return [
            Spot(self.findings, self.file, one, f"{spot.path}[{index}]", one.line, self.document)
            for index, one in enumerate(spot.node.value)
        ]

    def mapping(self, *keys: str) -> Spot | None:
        spot = self.at(*keys)
        if spot is None or isinstance(spot.node.value, dict):
            return spot
        spot.wrong("a mapping")
        return None

    def text(self, *keys: str, pattern: str = "", expected: str = "text") -> str | None:
        spot = self.at(*keys)
        if spot is None:
            return None
        value = spot.node.value
        if not isinstance(value, str) or (pattern and not re.fullmatch(pattern, value, re.ASCII)):
            spot.wrong(expected, hint=_templated(value))
            return None
        return value

    def name(self, *keys: str) -> str | None:
        """An object's name; an empty one says nothing."""
        spot = self.at(*keys)
        if spot is None or spot.node.value == "":
            return None
        return spot.text(pattern=NAME, expected="a name in Kubernetes, such as payment")

    def amount(self, *keys: str) -> str | None:
        """Text or a number, as it is written: of what may be both."""
        spot = self.at(*keys)
        if spot is None:
            return None
        value = spot.node.value
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            spot.wrong("text or a number")
            return None
        return value if isinstance(value, str) else spot.node.text

    def number(self, *keys: str, least: float = 0.0, most: float = 1e15) -> float | None:
        spot = self.at(*keys)
        if spot is None:
            return None
        value = spot.node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            spot.wrong(f"a number from {least:g} to {most:g}")
            return None
        return float(value)

    def whole(self, *keys: str, least: int = 0, most: int = 1_000_000_000) -> int | None:
        value = self.number(*keys, least=least, most=most)
        if value is not None and value != int(value):
            (self.at(*keys) or self).wrong("a whole number")
            return None
        return None if value is None else int(value)

    def count(self, *keys: str) -> int | None:
        """A whole number, also as text; None also where arguments are to be filled in."""
        written = self.amount(*keys)
        if written is None or "{{" in written:
            return None
        if not re.fullmatch(r"\d{1,9}", written, re.ASCII):
            (self.at(*keys) or self).wrong("a whole number")
            return None
        return int(written)

    def flag(self, *keys: str) -> bool | None:
        spot = self.at(*keys)
        if spot is None:
            return None
        if not isinstance(spot.node.value, bool):
            spot.wrong("true or false")
            return None
        return spot.node.value

    def seconds(self, *keys: str) -> float | None:
        """``10``, ``"10"``, ``10s``, ``1h30m``: seconds; None also where arguments are to be filled in."""
        written = self.amount(*keys)
        if written is None or "{{" in written:
            return None
        spot = self.at(*keys) or self
        if re.fullmatch(r"\d{1,9}(?:\.\d{1,6})?", written, re.ASCII):
            found = float(written)
        elif _DURATION.fullmatch(written):
            found = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(written))
        else:
            spot.wrong("a duration such as 30s, 10m or 1h30m", hint=_templated(written))
            return None
        if found > MOST_SECONDS:
            spot.wrong("a duration of at most 30 days")
            return None
        return found

    def wrong(self, expected: str, got: str = "", hint: str = "") -> None:
        self.findings.wrong(self.file, self.path or "(document)", self.line, expected, got or show(self.node), hint)

    def note(self, equal: Equal, text: str, look: bool = False) -> None:
        self.findings.note(self, equal, text, look)

    def said(self) -> str:
        """Its value in a line, shortened."""
        return one_line(json.dumps(self.node.plain(), ensure_ascii=False, default=str), 120)


def _templated(value: object) -> str:
    if isinstance(value, str) and ("{{" in value or "${" in value or "$(" in value):
        return "Fill the template in first, such as with `helm template` or `kustomize build`."
    return ""
