"""Two pictures as SVG text: bars of false rollbacks, and dots of the time to find a regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

COLOURS = ("#b45309", "#7c3aed", "#0f766e", "#1d4ed8")
WIDTH, LEFT, RIGHT, TOP, STEP = 900, 230, 30, 78, 34
STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#1f2937}.grid{stroke:#d1d5db}"
    "@media(prefers-color-scheme:dark){text{fill:#e5e7eb}.grid{stroke:#4b5563}}</style>"
)


def false_rollbacks(rows: Sequence[dict[str, Any]], rules: Sequence[str]) -> str:
    """Share of healthy phases rolled back, on a square-root scale up to 100 %; the line is the bar of .5 %."""
    marks = (0.005, 0.02, 0.1, 0.3, 1.0)

    def at(share: float) -> float:
        return LEFT + math.sqrt(min(share, 1)) * (WIDTH - LEFT - RIGHT)

    body = [_grid(at(mark), len(rows), f"{mark:.1%}" if mark < 0.01 else f"{mark:.0%}") for mark in marks]
    for place, row in enumerate(rows):
        y = TOP + place * STEP
        body.append(_label(row["name"], y))
        for which, rule in enumerate(rules):
            share = row["rules"][rule]["share"]
            bar = max(at(share) - LEFT, 1)
            body.append(
                f'<rect x="{LEFT}" y="{y - 12 + which * 6}" width="{bar:.1f}" height="5" fill="{COLOURS[which]}">'
                f"<title>{escape(rule)}: {share:.2%}</title></rect>"
            )
    return _svg("False rollbacks of healthy canaries", body, rules, len(rows))


def times_to_find(rows: Sequence[dict[str, Any]], rules: Sequence[str]) -> str:
    """Median seconds to the rollback on a logarithmic scale; dots as large as the share found; red: theory's limit."""

    def at(seconds: float) -> float:
        return LEFT + (math.log(max(seconds, 1)) / math.log(1800)) * (WIDTH - LEFT - RIGHT)

    body = [
        _grid(at(mark), len(rows), said) for mark, said in ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"))
    ]
    for place, row in enumerate(rows):
        y = TOP + place * STEP
        body.append(_label(row["name"], y))
        if row["theory_s"] is not None and row["theory_s"] <= 1800:
            x = at(row["theory_s"])
            line = f'd="M{x:.1f} {y - 12}v24" stroke="#dc2626" stroke-width="2"'
            body.append(f"<path {line}><title>limit of theory</title></path>")
        for which, rule in enumerate(rules):
            found = row["rules"][rule]
            if found["median_s"] is not None:
                place_x, place_y = at(found["median_s"]), y - 8 + which * 5
                said = f"{escape(rule)}: {found['median_s']:.0f} s, {found['share']:.0%} found"
                body.append(
                    f'<circle cx="{place_x:.1f}" cy="{place_y}" r="{2 + 4 * found["share"]:.1f}" '
                    f'fill="{COLOURS[which]}" fill-opacity=".85"><title>{said}</title></circle>'
                )
        held = row["alarm"]
        if held["median_s"] is not None:
            said = f"{escape(rules[-1])}, held or rolled back: {held['median_s']:.0f} s, {held['share']:.0%} found"
            body.append(
                f'<circle cx="{at(held["median_s"]):.1f}" cy="{y - 8 + (len(rules) - 1) * 5}" '
                f'r="{4 + 4 * held["share"]:.1f}" fill="none" stroke="{COLOURS[-1]}" stroke-width="1.5">'
                f"<title>{said}</title></circle>"
            )
    return _svg(
        "Median time to the rollback (ring: held or rolled back; red: limit of theory; size: share found)",
        body,
        rules,
        len(rows),
    )


def _svg(title: str, body: Sequence[str], rules: Sequence[str], rows: int) -> str:
    height = TOP + rows * STEP + 10
    legend = "".join(
        f'<rect x="{LEFT + which * 150}" y="24" width="12" height="12" fill="{COLOURS[which]}"/>'
        f'<text x="{LEFT + which * 150 + 18}" y="34">{escape(rule)}</text>'
        for which, rule in enumerate(rules)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">{STYLE}'
        f'<title>{escape(title)}</title><text x="{LEFT}" y="14" font-weight="bold">{escape(title)}</text>{legend}'
        + "".join(body)
        + "</svg>\n"
    )


def _grid(x: float, rows: int, said: str) -> str:
    bottom = TOP + rows * STEP - 10
    return (
        f'<path class="grid" d="M{x:.1f} {TOP - 14}V{bottom}"/><text x="{x:.1f}" y="{TOP - 3}" text-anchor="middle" '
        f'dy="-13" font-size="10">{escape(said)}</text>'
    )


def _label(name: str, y: float) -> str:
    return f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(name)}</text>'
