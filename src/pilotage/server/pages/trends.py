"""Weekly trends as SVG: no styles in it, as the pages' policy wants them in a sheet. The table beside says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.core.svg import Scale, label, rect, rule, steps

WIDTH, HEIGHT = 440, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 10, 26
DOT = 7
MOST_NAMES = 7

Week = Mapping[str, Any]


def deployments(weeks: Sequence[Week]) -> str:
    """Changes of each week, those that failed at the foot."""
    most = max([1, *(one["changes"] for one in weeks)])
    up = Scale(0, most * 1.05, HEIGHT - BOTTOM, TOP)
    parts = [*_ground([(mark, f"{mark:g}") for mark in steps(most, 4) if mark == int(mark)], up), *_names(weeks)]
    for place, one in enumerate(weeks):
        x, width = _column(place, len(weeks))
        parts += [
            rect(x, up(high), width, up(low) - up(high), kind)
            for low, high, kind in ((0, one["failed"], "bad"), (one["failed"], one["changes"], "good"))
            if high > low
        ]
    return _chart(parts)


def failure_rates(weeks: Sequence[Week]) -> str:
    """The rate of each week with its interval; a week without a change has none."""
    up = Scale(0, 1, HEIGHT - BOTTOM, TOP)
    parts = [*_ground([(mark, f"{mark:.0%}") for mark in (0, 0.25, 0.5, 0.75, 1)], up), *_names(weeks)]
    for place, one in enumerate(weeks):
        if one["failure_rate"] is None:
            continue
        x, width = _column(place, len(weeks))
        middle = x + width / 2
        parts.append(rule(middle, up(one["low"]), middle, up(one["high"]), "whisker"))
        parts.append(rect(middle - DOT / 2, up(one["failure_rate"]) - DOT / 2, DOT, DOT, "dot"))
    return _chart(parts)


def _chart(parts: Sequence[str]) -> str:
    """Read out it would be noise: the table has the numbers."""
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
    return "\n".join([head, *parts, "</svg>"])


def _ground(marks: Sequence[tuple[float, str]], up: Scale) -> list[str]:
    lines = [
        rule(LEFT, up(value), WIDTH - RIGHT, up(value), "grid") + label(LEFT - 6, up(value) + 4, text, "", "end")
        for value, text in marks
    ]
    return [*lines, rule(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis")]


def _names(weeks: Sequence[Week]) -> list[str]:
    every = -(-len(weeks) // MOST_NAMES)
    parts = []
    for place, one in enumerate(weeks):
        x, width = _column(place, len(weeks))
        if (len(weeks) - 1 - place) % every == 0:
            parts.append(label(x + width / 2, HEIGHT - 8, one["name"], "", "middle"))
    return parts


def _column(place: int, count: int) -> tuple[float, float]:
    """Where it begins, and how wide it is."""
    step = (WIDTH - LEFT - RIGHT) / count
    return LEFT + step * place + step * 0.15, min(step * 0.7, 60)
