"""What drivers share whose source answers with series of (instant, value): counts become counters, levels their latest
value, thresholds a histogram; now and in the past."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from pilotage.drivers import DriverOptions, Past, Point
from pilotage.drivers.metrics.counting import Counting, Row, Span

FRESH_S = 120.0
"""An older value is missing."""


class BucketOptions(DriverOptions):
    """For sources with sums per bucket of time; a driver may give them other defaults."""

    bucket_s: int = Field(default=10, ge=1, le=3600, description="seconds in one bucket of time of the counts")
    lag_s: float = Field(default=10.0, ge=0, le=900, description="seconds by which a bucket is usually late")
    late_s: float = Field(
        default=300.0, ge=0, le=3600, description="seconds for which what comes late into a bucket is added"
    )


@dataclass(frozen=True)
class Wanted:
    """What a selector means: the queries with their upper bounds (``le``), or one without.

    `counts`: sums per bucket, to become counters; else the source's values as they are.
    """

    parts: tuple[tuple[str, str], ...]
    counts: bool

    @classmethod
    def one(cls, query: str, counts: bool) -> Wanted:
        return cls(((query, ""),), counts)


Ask = Callable[[Sequence[str], Span], Awaitable[Mapping[str, Sequence[Row]]]]
"""Each query's series within the span, as far as the source knows them; a query without series may be left out."""


class Bucketed:
    def __init__(self, who: str, options: BucketOptions, ask: Ask) -> None:
        self._counting = Counting(who, options.bucket_s, options.lag_s, options.late_s)
        self._bucket_s = options.bucket_s
        self.every_s = float(options.bucket_s)
        self.behind_s = options.bucket_s + options.lag_s
        """A bucket counts when it is complete and no longer late."""
        self._fresh_s = FRESH_S + options.lag_s
        self._ask = ask

    async def read(self, wanted: Sequence[Wanted]) -> list[list[Point]]:
        """As the port's `read`. What was counted changes only after the last answer has come."""
        if not wanted:
            return []
        now = time.time()
        counted = [query for query, counts in _queries(wanted) if counts]
        span = self._counting.span(counted, now)
        rows = await self._ask([query for query, _ in _queries(wanted)], self._up_to_now(span, now))
        counters = self._counting.take(span, {query: rows.get(query, ()) for query in counted})
        return [
            _joined(
                one,
                [counters[query] if one.counts else self._latest(rows.get(query, ()), now) for query, _ in one.parts],
            )
            for one in wanted
        ]

    async def read_past(self, wanted: Sequence[Wanted], seconds: float, step_s: float) -> list[Past]:
        """As `History.read_past`. Counters begin with the time asked for."""
        if not wanted or seconds < step_s:
            return []
        span = self._counting.past_span(seconds, time.time())
        queries = [query for query, _ in _queries(wanted)]
        rows = await self._ask(queries, span)
        counted = self._counting.past(span, [rows.get(query, ()) for query in queries], step_s)
        found = []
        for past in counted:
            counters = dict(zip(queries, past.answers, strict=True))
            answers = [
                _joined(
                    one,
                    [
                        counters[query] if one.counts else self._latest(rows.get(query, ()), past.at)
                        for query, _ in one.parts
                    ],
                )
                for one in wanted
            ]
            found.append(Past(past.at, answers))
        return found

    def _up_to_now(self, span: Span, now: float) -> Span:
        """Levels are wanted as new as they are; buckets that are not complete yet are left out by the counting."""
        return Span(span.start, (math.floor(now / self._bucket_s) + 1) * self._bucket_s)

    def _latest(self, rows: Iterable[Row], at: float) -> list[Point]:
        """Each series' last number up to `at`, when it is fresh."""
        points = []
        for labels, values in rows:
            known = [(when, value) for when, value in values if value is not None and not math.isnan(value)]
            fresh = [one for one in known if at - self._fresh_s <= one[0] <= at]
            if fresh:
                points.append(Point(dict(labels), max(fresh, key=lambda one: one[0])[1]))
        return points


class Late:
    """What such a driver says of its delays."""

    _bucketed: Bucketed

    @property
    def every_s(self) -> float:
        return self._bucketed.every_s

    @property
    def behind_s(self) -> float:
        return self._bucketed.behind_s


def _queries(wanted: Sequence[Wanted]) -> list[tuple[str, bool]]:
    return list(dict.fromkeys((query, one.counts) for one in wanted for query, _ in one.parts))


def _joined(wanted: Wanted, found: Sequence[Sequence[Point]]) -> list[Point]:
    """A histogram's parts, of which the last counts all. Where a bound has no value yet, nothing was below it; where it
    has more than a higher one, as they were not asked at the same instant, the higher one has as much."""
    if len(found) == 1 and not wanted.parts[0][1]:
        return list(found[0])
    values = [{_labels(point): point.value for point in points} for points in found]
    points = []
    for labels in values[-1]:
        below = 0.0
        for (_, le), part in zip(wanted.parts, values, strict=True):
            below = max(below, part.get(labels, 0.0))
            points.append(Point({**dict(labels), "le": le}, below))
    return points


def _labels(point: Point) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(point.labels.items()))
