"""Cumulative counters from a source that only tells sums per bucket of time, and tells some of them late.

Buckets are `bucket_s` wide and aligned to the Unix epoch. Counting begins with the first answer: all buckets that are
complete then are the time before, and a series' counter is 0. Later each complete bucket that is older than `lag_s`
counts. Those of the last `late_s` are asked for again with every answer, and what has come into them meanwhile is
added: a bucket counts what it held at most, so that an answer with less (a part of the source is down) takes nothing
back. What comes still later into a bucket is not counted.

A driver that is built anew counts anew: its first answer is 0, and the judge sees a counter that fell (that costs one
tick). A gap of more than an hour is the same.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Past, Point

MOST_GAP_S = 3600.0
MOST_SERIES = 1000
"""Of one selector: more are a query that forgot to add up."""

Row = tuple[Mapping[str, str], Iterable[tuple[float, float | None]]]
"""A series' labels, and (where a bucket begins in Unix seconds, what was counted in it; None or NaN: nothing known)."""
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Span:
    """What to ask the source for: the buckets from `start` on, before `until`. Both are bounds of buckets."""

    start: float
    until: float


@dataclass
class _Series:
    carried: float = 0.0
    """Of the buckets that are not asked for any more."""
    recent: dict[float, float] = field(default_factory=dict)

    def total(self) -> float:
        return self.carried + math.fsum(self.recent.values())


@dataclass
class _Selector:
    settled: float
    """Buckets before are the time before the first answer, or carried: they never count again."""
    until: float
    series: dict[Labels, _Series] = field(default_factory=dict)


class Counting:
    """A driver's counters, by selector. `who` is what errors call the source."""

    def __init__(self, who: str, bucket_s: float, lag_s: float, late_s: float) -> None:
        self._who = who
        self._bucket_s = bucket_s
        self._lag_s = lag_s
        self._late_s = max(late_s, bucket_s)
        self._known: dict[str, _Selector] = {}

    def span(self, selectors: Iterable[str], now: float) -> Span:
        """What to ask for these selectors at `now`, by the source's clock."""
        until = self._floor(now - self._lag_s)
        last = min((self._known[one].until for one in selectors if one in self._known), default=until)
        start = max(min(last, until) - self._late_s, until - self._late_s - MOST_GAP_S)
        return Span(self._floor(start), until)

    def past_span(self, seconds: float, now: float) -> Span:
        until = self._floor(now - self._lag_s)
        return Span(self._floor(until - seconds), until)

    def take(self, span: Span, answers: Mapping[str, Iterable[Row]]) -> dict[str, list[Point]]:
        """What the source answered for `span`, by selector; returns each one's counters.

        A series stays once it was seen: without new rows it has not risen. A selector that never had a row has none.
        """
        sums = {selector: self._sums(selector, span, rows) for selector, rows in answers.items()}
        return {selector: self._count(selector, span, found) for selector, found in sums.items()}

    def past(self, span: Span, answers: Sequence[Iterable[Row]], step_s: float) -> list[Past]:
        """What the counters would have been every `step_s` within `span`, had they begun with it; the last is one step
        before its end."""
        found = [self._sums("", span, rows) for rows in answers]
        steps = int((span.until - span.start) // step_s)
        return [
            Past(at, [self._until(at, series) for series in found])
            for at in (span.until - step_s * back for back in range(steps, 0, -1))
        ]

    def _until(self, at: float, found: Mapping[Labels, Mapping[float, float]]) -> list[Point]:
        points = []
        for labels, buckets in found.items():
            ended = [value for begin, value in buckets.items() if begin + self._bucket_s <= at]
            if ended:
                points.append(Point(dict(labels), math.fsum(ended)))
        return points

    def _count(self, selector: str, span: Span, found: Mapping[Labels, Mapping[float, float]]) -> list[Point]:
        known = self._known.get(selector)
        if known is None or span.start > known.settled:
            known = self._known[selector] = _Selector(span.until, span.until)
        for labels, buckets in found.items():
            series = known.series.setdefault(labels, _Series())
            for begin, value in buckets.items():
                if begin >= known.settled:
                    series.recent[begin] = max(value, series.recent.get(begin, 0.0))
        known.until = max(known.until, span.until)
        known.settled = max(known.settled, self._floor(known.until - self._late_s))
        for series in known.series.values():
            for begin in [one for one in series.recent if one < known.settled]:
                series.carried += series.recent.pop(begin)
        return [Point(dict(labels), series.total()) for labels, series in known.series.items()]

    def _sums(self, selector: str, span: Span, rows: Iterable[Row]) -> dict[Labels, dict[float, float]]:
        """By series and bucket; rows of one series add up. One that has no number in the span is not there."""
        found: dict[Labels, dict[float, float]] = {}
        for labels, values in rows:
            buckets = found.setdefault(tuple(sorted(labels.items())), defaultdict(float))
            if len(found) > MOST_SERIES:
                raise PermanentError(
                    f"{self._who} gives more than {MOST_SERIES} series for {selector!r}: add some of them up there"
                )
            for at, value in values:
                begin = self._floor(at)
                if value is None or math.isnan(value) or not span.start <= begin < span.until:
                    continue
                if value < 0 or math.isinf(value):
                    raise PermanentError(f"{self._who} gives {value:g} as a count for {selector!r}: is it a count?")
                buckets[begin] += value
        return {labels: dict(buckets) for labels, buckets in found.items() if buckets}

    def _floor(self, at: float) -> float:
        return math.floor(at / self._bucket_s) * self._bucket_s
