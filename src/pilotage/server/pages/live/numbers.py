"""The charts in words: each one's last values, and some of its points as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core.words import e_value, unit_of

Line = dict[str, Any]
"""One of Telling.series: name, label, unit, at, columns."""

ROWS = 10


@dataclass(frozen=True)
class Evidence:
    """As it stands: the e-value, and the limit from which on it decides."""

    name: str
    label: str
    value: str
    limit: str
    decided: bool


@dataclass(frozen=True)
class Row:
    at: float
    canary: str
    between: str
    control: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """One metric: its values, and what evidence there is about it."""

    name: str
    label: str
    canary: str
    between: str
    control: str
    evidence: tuple[Evidence, ...]
    rows: tuple[Row, ...]


def figures(charts: dict[str, Any]) -> list[Figure]:
    """One for each line of values that has a point; evidence stands with the metric that its name begins with."""
    return [_figure(line, evidence_of(line["name"], charts)) for line in charts["values"] if line["at"]]


def evidence_of(name: str, charts: dict[str, Any]) -> list[Line]:
    found = (one for one in charts["evidence"] if one["at"])
    return [one for one in found if one["name"] == name or one["name"].startswith(f"{name} ")]


def _figure(line: Line, evidence: list[Line]) -> Figure:
    told, columns = teller(line["name"], line["unit"]), line["columns"]
    known = [
        place
        for place, at in enumerate(line["at"])
        if (columns["canary"][place], columns["control"][place]) != (None, None)
    ]
    by_time = [dict(zip(one["at"], one["columns"]["log_e"], strict=True)) for one in evidence]
    rows = []
    for place in _some(known):
        at = line["at"][place]
        found = (one.get(at) for one in by_time)
        weighed = tuple("-" if value is None else e_value(value) for value in found)
        rows.append(
            Row(
                at,
                told(columns["canary"][place]),
                _between(told, columns, place),
                told(columns["control"][place]),
                weighed,
            )
        )
    last = rows[-1] if rows else Row(0.0, "-", "", "-", ())
    weighed_now = tuple(one for one in map(_weighed, evidence) if one is not None)
    return Figure(line["name"], line["label"], last.canary, last.between, last.control, weighed_now, tuple(rows))


def _weighed(line: Line) -> Evidence | None:
    """As it stands now; None where none is known."""
    known = [
        pair for pair in zip(line["columns"]["log_e"], line["columns"]["limit"], strict=True) if pair[0] is not None
    ]
    if not known or known[-1][1] is None:
        return None
    log_e, limit = known[-1]
    return Evidence(line["name"], line["label"], e_value(log_e), e_value(limit), log_e >= limit)


def _some(known: Sequence[int]) -> Sequence[int]:
    """At most ROWS of them, spread evenly, the last one among them."""
    if len(known) <= ROWS:
        return known
    step = (len(known) - 1) / (ROWS - 1)
    return [known[round(number * step)] for number in range(ROWS)]


def teller(name: str, unit: str) -> Callable[[float | None], str]:
    """How a person reads this line's values."""
    told = (
        (lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}") if name == "rps" else unit_of(name, unit)
    )
    return lambda value: "-" if value is None else told(value)


def _between(told: Callable[[float | None], str], columns: dict[str, Any], place: int) -> str:
    low, high = columns["low"][place], columns["high"][place]
    return "" if low is None or high is None else f"{told(low)} to {told(high)}"
