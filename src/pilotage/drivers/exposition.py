"""Prometheus' text format: selectors and the lines they match. Only matching lines are parsed: pages are long."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pilotage.drivers import Point

_NAME = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*$", re.DOTALL)
_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Selector:
    name: str
    matchers: tuple[tuple[str, Callable[[str], bool]], ...]

    def matches(self, labels: dict[str, str]) -> bool:
        return all(test(labels.get(label, "")) for label, test in self.matchers)


def parse_selector(text: str) -> Selector:
    """``name{a="b",c!="d",e=~"re",f!~"re"}``; raises ValueError saying what is wrong."""
    head = _NAME.match(text)
    if head is None:
        raise ValueError('expected name{label="value",...}')
    matchers, rest = [], (head[2] or "").strip()
    while rest:
        found = _MATCHER.match(rest)
        if found is None:
            raise ValueError(f'expected label="value" at {rest[:30]!r}')
        matchers.append((found[1], _test(found[2], _unescape(found[3]))))
        rest = rest[found.end() :]
    return Selector(head[1], tuple(matchers))


def _test(operator: str, value: str) -> Callable[[str], bool]:
    if operator == "=":
        return lambda given: given == value
    if operator == "!=":
        return lambda given: given != value
    try:
        pattern = re.compile(value)
    except re.error as error:
        raise ValueError(f"bad regular expression {value!r}: {error}") from None
    if operator == "=~":
        return lambda given: pattern.fullmatch(given) is not None
    return lambda given: pattern.fullmatch(given) is None


def points(page: str, selectors: Sequence[Selector]) -> list[list[Point]]:
    """For each selector its series on the page; a line that is no sample is passed over."""
    found: list[list[Point]] = [[] for _ in selectors]
    wanted: dict[str, list[int]] = {}
    for index, selector in enumerate(selectors):
        wanted.setdefault(selector.name, []).append(index)
    for line in page.splitlines():
        name, brace, rest = line.partition("{")
        if not brace:
            name, _, rest = line.partition(" ")
        if name not in wanted:
            continue
        text, _, tail = rest.rpartition("}") if brace else ("", "", rest)
        try:
            value = float(tail.split()[0])
        except (IndexError, ValueError):
            continue
        labels = {label: _unescape(given) for label, given in _LABEL.findall(text)}
        labels["__name__"] = name
        for index in wanted[name]:
            if selectors[index].matches(labels):
                found[index].append(Point(labels, value))
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text) if "\\" in text else text
