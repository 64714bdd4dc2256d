"""Prometheus' text format, read only where a selector looks; and the selectors themselves.

Format: Prometheus "Exposition formats" (text, 0.0.4) and OpenMetrics 1.0, without its UTF-8 metric names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pilotage.drivers import Point

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABELS = r'\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*")*\}'
_PAIR = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\\n]|\\.)*)"\s*(?:,|$)')
STRING = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'"
VECTOR = re.compile(rf"([A-Za-z_:][\w:]*)?\s*\{{((?:[^{{}}\"']|{STRING})*)\}}", re.ASCII)
"""A selector within PromQL: its name, and what is in its braces."""
_SELECTOR = re.compile(rf"\s*({_NAME})?\s*({_LABELS})?\s*")
_SERIES = re.compile(rf"^{_NAME}[ \t]*(?:{_LABELS})?[ \t]+[-+0-9.NI][^\s#]*", re.MULTILINE)
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}
_HELP = 'expected name{label="value",other=~"pattern"}'


@dataclass(frozen=True)
class Selector:
    """The pattern of a metric's name and what its labels must satisfy; a label a series lacks counts as empty."""

    pattern: str
    matchers: tuple[tuple[str, Callable[[str], bool]], ...]
    name: str = ""
    """The metric's name; empty where the pattern is one of several."""

    def accepts(self, labels: dict[str, str]) -> bool:
        return all(test(labels.get(name, "")) for name, test in self.matchers)


@lru_cache(maxsize=1024)
def parse_selector(text: str) -> Selector:
    """``name{a="b",c!="d",e=~"re",f!~"re"}``; patterns match whole values. Several metrics at once are
    ``{__name__=~"re",a="b"}``. Raises ValueError, saying what is wrong."""
    found = _SELECTOR.fullmatch(text)
    pairs = _pairs(found[2] or "", text) if found else []
    named = [one for one in pairs if one[0] == "__name__"]
    if found is None or bool(found[1]) == bool(named) or len(named) > 1:
        raise ValueError(f"{_HELP}, got {text!r}")
    if named and named[0][1] != "=~":
        raise ValueError(f'expected {{__name__=~"pattern"}}, got {text!r}')
    pattern = re.escape(found[1]) if found[1] else named[0][2]
    tests = tuple((name, _test(op, value)) for name, op, value in pairs)
    if named and re.compile(pattern).groupindex:
        raise ValueError(f"the pattern {pattern!r} has a named group")
    return Selector(pattern, tests, found[1] or "")


def _test(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "=":
        return lambda label: label == value
    if operator == "!=":
        return lambda label: label != value
    try:
        pattern = re.compile(value, re.DOTALL)
    except re.error as error:
        raise ValueError(f"the pattern {value!r} is no regular expression: {error}") from None
    if operator == "=~":
        return lambda label: pattern.fullmatch(label) is not None
    return lambda label: pattern.fullmatch(label) is None


def _pairs(braces: str, whole: str) -> list[tuple[str, str, str]]:
    inside, at, pairs = braces[1:-1].strip(), 0, []
    while at < len(inside):
        found = _PAIR.match(inside, at)
        if found is None:
            raise ValueError(f"{_HELP}, got {whole!r} (at {inside[at:]!r})")
        value = (
            re.sub(r"\\.", lambda escape: _ESCAPES.get(escape[0], escape[0]), found[3])
            if "\\" in found[3]
            else found[3]
        )
        pairs.append((found[1], found[2], value))
        at = found.end()
    return pairs


@lru_cache(maxsize=20_000)
def _labels(braces: str) -> tuple[tuple[str, str], ...]:
    """A series' labels. Cached: the same series come back with every scrape."""
    return tuple((name, value) for name, _, value in _pairs(braces, braces))


@lru_cache(maxsize=256)
def _lines(patterns: frozenset[str]) -> re.Pattern[str]:
    either = "|".join(f"(?:{one})" for one in sorted(patterns))
    line = rf"^(?P<name>{either})(?![\w:])[ \t]*(?P<labels>{_LABELS})?[ \t]+(?P<number>[^\s#]+)"
    return re.compile(line, re.MULTILINE)


def select(text: str, selectors: Sequence[Selector]) -> list[list[Point]]:
    """For each selector its points, in the selectors' order. Lines of other metrics are not looked at.

    Raises ValueError when a line looked at is malformed.
    """
    found: list[list[Point]] = [[] for _ in selectors]
    wanted = frozenset(selector.pattern for selector in selectors)
    names = {selector.pattern: re.compile(selector.pattern) for selector in selectors}
    if not wanted:
        return found
    for line in _lines(wanted).finditer(text):
        name, braces, number = line["name"], line["labels"], line["number"]
        labels = {"__name__": name, **dict(_labels(braces or ""))}
        point = Point(labels, float(number))
        for selector, points in zip(selectors, found, strict=True):
            if names[selector.pattern].fullmatch(name) and selector.accepts(labels):
                points.append(point)
    return found


def count_series(text: str) -> int:
    """How many lines are a series with a number."""
    return sum(1 for _ in _SERIES.finditer(text))
