"""PromQL as far as an import needs it: a plain ratio of two sums, and a quantile of one histogram. The rest is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 4000
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]{0,199}"
_STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
_MATCHER = re.compile(rf"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*({_STRING})\s*(?:,|$)")
_VECTOR = re.compile(rf"({_NAME})\s*(?:\{{((?:[^{{}}\"']|{_STRING})*)\}})?")
_RATE = re.compile(r"(?:rate|irate|increase)\s*\(", re.ASCII)
_RANGE = re.compile(r"\[[^\[\]]{1,40}\]")
_NEGATED = {"!~": "=~", "!=": "="}


@dataclass(frozen=True)
class Counter:
    """One metric's series: its name and its matchers, each (label, sign, quoted value) as written."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    @property
    def selector(self) -> str:
        inside = ",".join(f"{label}{sign}{value}" for label, sign, value in self.matchers)
        return f"{self.name}{{{inside}}}" if inside else self.name


@dataclass(frozen=True)
class Ratio:
    """`scale`: 100 where the query gives percent."""

    above: Counter
    below: Counter
    scale: float = 1.0


@dataclass(frozen=True)
class Histogram:
    """`unit` of the buckets, by their name; `scale`: what the query makes of a second or a millisecond."""

    buckets: Counter
    quantile: float
    unit: str
    scale: float = 1.0


def squeezed(query: str) -> str:
    """On one line, blanks in quotes kept."""
    parts = re.split(f"({_STRING})", query)
    return "".join(
        one if index % 2 else " ".join(re.sub(r"#[^\n]*", "", one).split()) or ("" if not one else " ")
        for index, one in enumerate(parts)
    ).strip()


def ratio(query: str) -> Ratio | None:
    text, scale = _scaled(_outer(squeezed(query)))
    sides = _split(text, "/")
    if len(sides) != 2:
        return None
    above, below = (_sum(_outer(one)) for one in sides)
    return Ratio(above, below, scale) if above is not None and below is not None else None


def histogram(query: str) -> Histogram | None:
    text, scale = _scaled(_outer(squeezed(query)))
    match = re.match(r"histogram_quantile\s*\(\s*([0-9.]{1,10})\s*,(.*)\)$", text, re.DOTALL)
    if match is None:
        return None
    try:
        quantile = float(match[1])
    except ValueError:
        return None
    buckets = _sum(_outer(match[2]), by_le=True)
    if buckets is None or not buckets.name.endswith("_bucket") or not 0 < quantile < 1:
        return None
    unit = "ms" if re.search(r"_(?:ms|milliseconds)_bucket$", buckets.name) else ""
    unit = unit or ("s" if re.search(r"_(?:seconds|s)_bucket$", buckets.name) else "")
    return Histogram(buckets, quantile, unit, scale)


def bad_of(found: Ratio, good_above: bool) -> tuple[str, str]:
    """The selectors of all requests and of the bad ones, as cumulative sums.

    `good_above`: the ratio counts what went well. Where it differs from all by one matcher, that one is turned round.
    """
    total = f"sum({found.below.selector})"
    if not good_above:
        return total, f"sum({found.above.selector})"
    more = [one for one in found.above.matchers if one not in found.below.matchers]
    same = found.above.name == found.below.name and len(found.above.matchers) == len(found.below.matchers) + 1
    if same and len(more) == 1 and more[0][1] in _NEGATED:
        label, sign, value = more[0]
        bad = Counter(
            found.above.name,
            tuple((label, _NEGATED[sign], value) if one == more[0] else one for one in found.above.matchers),
        )
        return total, f"sum({bad.selector})"
    # Where nothing goes well there is no good series yet, and all minus nothing is nothing: no bad ones.
    return total, f"{total} - (sum({found.above.selector}) or 0 * {total})"


def _outer(text: str) -> str:
    """Without brackets around all of it."""
    text = text.strip()
    while text.startswith("(") and _closing(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _scaled(text: str) -> tuple[str, float]:
    sides = _split(text, "*")
    if len(sides) != 2:
        return text, 1.0
    for factor, rest in (sides, sides[::-1]):
        if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", factor.strip()):
            return _outer(rest), float(factor)
    return text, 1.0


def _split(text: str, sign: str) -> list[str]:
    """By an operator outside brackets and quotes; anything else outside stays where it is."""
    parts, start, depth, at = [], 0, 0, 0
    while at < len(text):
        quoted = re.match(_STRING, text[at:]) if text[at] in "\"'" else None
        if quoted:
            at += quoted.end()
            continue
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if text[at] == sign and depth == 0:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    return [*parts, text[start:]]


def _closing(text: str, opening: int) -> int:
    """Where the bracket at `opening` is closed; -1: nowhere."""
    depth, at = 0, opening
    while at < len(text):
        quoted = re.match(_STRING, text[at:]) if text[at] in "\"'" else None
        if quoted:
            at += quoted.end()
            continue
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at
        at += 1
    return -1


def _sum(text: str, by_le: bool = False) -> Counter | None:
    """``sum(rate(NAME{...}[5m]))``; of a histogram with ``by (le)``, before or after."""
    grouping = r"(?:by\s*\(\s*le\s*\)\s*)?" if by_le else ""
    match = re.match(rf"sum\s*{grouping}\(", text)
    if match is None:
        return None
    end = _closing(text, match.end() - 1)
    if end < 0 or not re.fullmatch(rf"\s*{grouping}", text[end + 1 :]):
        return None
    if by_le and "by" not in text[: match.end()] + text[end + 1 :]:
        return None
    inside = _outer(text[match.end() : end])
    rate = _RATE.match(inside)
    if rate is None or _closing(inside, rate.end() - 1) != len(inside) - 1:
        return None
    return _counter(_outer(inside[rate.end() : -1]))


def _counter(text: str) -> Counter | None:
    """``NAME{...}[5m]``"""
    match = _VECTOR.match(text)
    if match is None or not _RANGE.fullmatch(text[match.end() :].strip()):
        return None
    rest, matchers = (match[2] or "").strip(), []
    while rest:
        one = _MATCHER.match(rest)
        if one is None:
            return None
        matchers.append((one[1], one[2], one[3]))
        rest = rest[one.end() :].strip()
    return Counter(match[1], tuple(matchers))
