"""A counter of bad ones that has no series yet: may it be born with the first error, or would it always say 0?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pilotage.core.model import RatioMetric
from pilotage.drivers import History, Metrics, Point
from pilotage.drivers.metrics.exposition import STRING, VECTOR

PAST_S, PAST_STEP_S = 1800.0, 300.0
MOST_LABELS = 12
_MATCHER = re.compile(rf"\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*({STRING})\s*,?", re.ASCII)
_WHY = "a misspelt error counter would always pass"


@dataclass(frozen=True)
class _Vector:
    """``name{matchers}`` as written; each matcher is (label, sign, quoted value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def written(self, *more: str) -> str:
        inside = ",".join((*("".join(one) for one in self.matchers), *more))
        return f"{self.name}{{{inside}}}" if inside else self.name


async def never_counts(source: Metrics, metric: RatioMetric, group: str) -> str:
    """Why `metric.bad`, which has no series for `group` although the total has, would have none after an error either.

    Empty when it may be born with the first error. Raises what the source raises.
    """
    if getattr(source, "language", "own") == "own":
        return await _never_seen(source, metric.bad.replace("$group", group))
    known = {one for vector in _vectors(metric.total) for one in vector.matchers}
    for vector in _vectors(metric.bad):
        shared = tuple(one for one in vector.matchers if one in known or "$group" in one[2])
        telling = [one[0] for one in vector.matchers if one not in shared and _needs_the_label(one[1], one[2])]
        filled = tuple((label, sign, value.replace("$group", group)) for label, sign, value in shared)
        if vector.name and not await _there(source, vector.name):
            return f"has no series called {vector.name}; {_WHY}"
        among = _Vector(vector.name, filled)
        if not await _there(source, among.written()):
            continue
        for label in telling:
            if not await _there(source, among.written(f'{label}!=""')):
                labels = await _labels(source, among.written())
                return f"has no label {label} on {among.written()}, which has {labels}; {_WHY}"
    return ""


async def _never_seen(source: Metrics, selector: str) -> str:
    """In a language of its own only what was counted before shows that the selector is right."""
    if isinstance(source, History):
        past = await source.read_past([selector], PAST_S, PAST_STEP_S)
        if any(one.answers[0] for one in past):
            return ""
        when = f" in the last {PAST_S / 60:g} minutes"
    else:
        when = ""
    return f"has counted nothing{when} for {selector}; {_WHY}. If it is right, have one request fail on purpose"


def _vectors(selector: str) -> Iterator[_Vector]:
    for found in VECTOR.finditer(selector):
        matchers = _MATCHER.findall(found[2])
        yield _Vector(found[1] or "", tuple((label, sign, value) for label, sign, value in matchers))


def _needs_the_label(sign: str, quoted: str) -> bool:
    """Whether a series without the label can never match."""
    value = quoted[1:-1]
    if sign == "=":
        return value != ""
    try:
        return sign == "=~" and re.fullmatch(value, "") is None
    except re.error:
        return False


async def _there(source: Metrics, selector: str) -> bool:
    """On a server of many services only their number is asked for: the series themselves could be very many."""
    asked = f"count({selector})" if getattr(source, "language", "") == "promql" else selector
    return bool((await source.read([asked]))[0])


async def _labels(source: Metrics, selector: str) -> str:
    asked = f"topk(1, {selector})" if getattr(source, "language", "") == "promql" else selector
    points: list[Point] = (await source.read([asked]))[0]
    names = sorted({name for point in points for name in point.labels} - {"__name__"})
    more = f" and {len(names) - MOST_LABELS} more" if len(names) > MOST_LABELS else ""
    return ", ".join(names[:MOST_LABELS]) + more if names else "none"
