"""What a plan makes of every field of a format: a table, and the walk that names what a file says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pilotage.importing.spots import Equal, Spot
from pilotage.planfile.reader import did_you_mean

EQUAL: Equal = "equal"
NEAREST: Equal = "nearest"
NONE: Equal = "none"
LOST = "lost"
"""No equal, and the plan is less careful for it: somebody has to look."""


@dataclass(frozen=True)
class Row:
    """`path` has ``[]`` for a list's items. What lies below a path without rows of its own belongs to it."""

    path: str
    equal: Equal
    text: str
    look: bool = False


Table = Mapping[str, Row]


def table(*rows: tuple[str, str, str]) -> Table:
    """From (path, equal, text). Several paths are parted by blanks; ``{a,b}`` is both."""
    found: dict[str, Row] = {}
    for paths, equal, text in rows:
        for path in (one for word in paths.split() for one in _spread(word)):
            kind: Equal = NONE if equal == LOST else equal  # type: ignore[assignment]
            found[path] = Row(path, kind, text, equal == LOST)
    return found


def _spread(word: str) -> list[str]:
    match = re.search(r"\{([^{}]*)\}", word)
    if match is None:
        return [word]
    parts = match[1].split(",")
    return [done for part in parts for done in _spread(word[: match.start()] + part + word[match.end() :])]


def name_all(spot: Spot, known: Table) -> None:
    """A note for every field below `spot` that has no equal, or that nobody knows."""
    inner = {path[:end] for path in known for end in _ends(path)}
    _walk(spot, "", known, inner, None)


def _ends(path: str) -> Iterator[int]:
    return (one.start() for one in re.finditer(r"\.|\[\]", path))


def _walk(spot: Spot, pattern: str, known: Table, inner: set[str], above: Row | None) -> None:
    row = known.get(pattern, above)
    if pattern and pattern not in inner:
        _name(spot, pattern, row, known)
    elif isinstance(spot.node.value, list):
        for one in spot.rows():
            _walk(one, f"{pattern}[]", known, inner, row)
    else:
        for key in spot.keys:
            if (below := spot.at(key)) is not None:
                _walk(below, f"{pattern}.{key}" if pattern else key, known, inner, row)


def _name(spot: Spot, pattern: str, row: Row | None, known: Table) -> None:
    if row is None:
        place, _, last = pattern.rpartition(".")
        hint = did_you_mean(last, [one.rpartition(".")[2] for one in known if one.rpartition(".")[0] == place])
        spot.note("unknown", f"not in the format as this release knows it; left out. {hint}".strip(), look=True)
    elif row.equal != "equal":
        spot.note(row.equal, row.text, row.look)
