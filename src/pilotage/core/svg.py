"""SVG as text: escaping, scales, lines and bands. Knows nothing of rollouts; all lengths are pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]

_CHARACTER_PX = 0.6
"""Mean width of a sans-serif character, as a share of the font's size."""


_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def text_safe(text: str) -> str:
    """Any text as XML character data or attribute value; what XML 1.0 forbids becomes U+FFFD, and so does what turns
    the direction of reading."""
    kept = "".join(sign if _allowed(ord(sign)) else "\ufffd" for sign in text)
    for sign, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;")):
        kept = kept.replace(sign, name)
    return kept


def _allowed(code: int) -> bool:
    """XML 1.0 section 2.2, without the C1 controls and the marks of Unicode's bidirectional algorithm."""
    if code in _BIDI:
        return False
    if code < 0x20:
        return code in (0x9, 0xA, 0xD)
    return code < 0x7F or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def label(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="t {kind}" text-anchor="{anchor}">{text_safe(text)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}" class="{kind}"/>'
    )


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def line(points: Points, kind: str, dots: bool) -> str:
    """A polyline, with a dot per point when asked for; a lone point is always a dot."""
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" class="{kind}-dot"/>' for x, y in points]
    if len(points) < 2:
        return "".join(marks)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" class="{kind}"/>' + ("".join(marks) if dots else "")


def band(lows: Points, highs: Points, kind: str) -> str:
    """The area between two lines over the same xs; a lone point becomes a narrow bar."""
    if len(lows) == 1:
        (x, low), (_, high) = lows[0], highs[0]
        return rect(x - 4, min(low, high), 8, abs(high - low), kind)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in [*lows, *reversed(highs)])
    return f'<polygon points="{path}" class="{kind}"/>'


def fitting(text: str, width: float, size: float) -> str:
    """The text, cut with an ellipsis to about `width`; empty when not even two characters fit."""
    room = int(width / (size * _CHARACTER_PX))
    if len(text) <= room:
        return text
    return text[: room - 1].rstrip() + "…" if room > 2 else ""


def wrapped(text: str, width: float, size: float, lines: int) -> list[str]:
    """At most `lines` lines of about `width`; the rest is cut with an ellipsis."""
    room = max(8, int(width / (size * _CHARACTER_PX)))
    done: list[str] = []
    rest = " ".join(text.split())
    while rest and len(done) < lines - 1 and len(rest) > room:
        cut = rest.rfind(" ", 0, room + 1)
        cut = room if cut <= 0 else cut
        done.append(rest[:cut])
        rest = rest[cut:].lstrip()
    return [*done, fitting(rest, width, size)] if rest else done


@dataclass(frozen=True)
class Scale:
    """Values `low`-`high` on pixels `start`-`end`; what lies outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


def steps(high: float, about: int, units: Sequence[float] = (1, 2, 5)) -> list[float]:
    """Round values from 0 to `high`, roughly `about` of them; `units` are tried times powers of ten."""
    if not (math.isfinite(high) and high > 0):
        return [0.0]
    power = 10 ** math.floor(math.log10(high / about))
    step = next(
        (unit * scale for scale in (power, power * 10) for unit in units if high / (unit * scale) <= about), high
    )
    return [step * number for number in range(int(high / step + 1e-9) + 1)]


def runs(pairs: Iterable[tuple[float, float | None]], keep: Callable[[float], bool]) -> list[list[tuple[float, float]]]:
    """Unbroken stretches of (x, y): a None, or a y that `keep` refuses, is a gap."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in pairs:
        if y is None or not keep(y):
            found.append([])
        else:
            found[-1].append((x, y))
    return [one for one in found if one]
