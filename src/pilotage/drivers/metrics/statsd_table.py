"""What StatsD's lines add up to since listening began: counters, gauges, sets and histograms by name and tags."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from pilotage.drivers import Point
from pilotage.drivers.metrics.exposition import Selector
from pilotage.drivers.metrics.statsd_lines import Labels, Line

MOST_SERIES = 5000
"""Of all names together; who could send to the listener could fill the memory otherwise."""
MOST_MEMBERS = 10_000
"""Of one set."""
MOST_LEFT_OUT = 100
COUNT = ".count"


@dataclass
class _Series:
    value: float = 0.0
    counts: list[float] = field(default_factory=list)
    members: set[int] = field(default_factory=set)


class Table:
    """Written by the listener's thread, read by drivers. `bounds` of histograms ascend; the last bucket is open."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._lock = threading.Lock()
        self._names: dict[str, dict[tuple[str, Labels], _Series]] = {}
        self._size = 0
        self._left_out: set[str] = set()

    def add(self, line: Line) -> None:
        with self._lock:
            series = self._series(line)
            if series is None:
                return
            match line.type:
                case "c":
                    series.value += sum(line.values) * line.weight
                case "g":
                    series.value = (series.value if line.signed else 0.0) + line.values[-1]
                case "s":
                    if len(series.members) < MOST_MEMBERS:
                        series.members.add(hash(line.member))
                    else:
                        self._leave_out(line.name)
                case _:
                    for value in line.values:
                        series.counts[bisect_left(self.bounds, value)] += line.weight

    def select(self, selector: Selector) -> list[Point]:
        """The present values. A timer's, histogram's or distribution's are its buckets, with ``le``; its number of
        values has ``.count`` behind the name. Raises ValueError when some of this name were left out."""
        if not selector.name:
            raise ValueError("expected one metric by its name, not a pattern of several")
        with self._lock:
            if selector.name in self._left_out or selector.name.removesuffix(COUNT) in self._left_out:
                raise ValueError(f"there are more than {MOST_SERIES} series: some of {selector.name} are not counted")
            if len(self._left_out) >= MOST_LEFT_OUT:
                raise ValueError(f"there are more than {MOST_SERIES} series: nobody knows which are not counted")
            found = []
            for (kind, labels), series in self._names.get(selector.name, {}).items():
                own = {"__name__": selector.name, **dict(labels)}
                if selector.accepts(own):
                    found += self._points(own, kind, series)
            if selector.name.endswith(COUNT):
                for (kind, labels), series in self._names.get(selector.name.removesuffix(COUNT), {}).items():
                    own = {"__name__": selector.name, **dict(labels)}
                    if kind == "h" and selector.accepts(own):
                        found.append(Point(own, math.fsum(series.counts)))
            return found

    def sizes(self) -> tuple[int, int]:
        """Names and series."""
        with self._lock:
            return len(self._names), self._size

    def _points(self, labels: dict[str, str], kind: str, series: _Series) -> list[Point]:
        if kind == "s":
            return [Point(labels, float(len(series.members)))]
        if kind != "h":
            return [Point(labels, series.value)]
        points, below = [], 0.0
        for bound, count in zip((*self.bounds, math.inf), series.counts, strict=True):
            below += count
            points.append(Point({**labels, "le": "+Inf" if math.isinf(bound) else f"{bound:g}"}, below))
        return points

    def _series(self, line: Line) -> _Series | None:
        """Timers, histograms and distributions are one kind here. None when there is no place for it."""
        kind = line.type if line.type in ("c", "g", "s") else "h"
        of_name = self._names.get(line.name)
        series = of_name.get((kind, line.labels)) if of_name else None
        if series is not None:
            return series
        if self._size >= MOST_SERIES:
            self._leave_out(line.name)
            return None
        self._size += 1
        series = _Series(counts=[0.0] * (len(self.bounds) + 1) if kind == "h" else [])
        self._names.setdefault(line.name, {})[kind, line.labels] = series
        return series

    def _leave_out(self, name: str) -> None:
        if len(self._left_out) < MOST_LEFT_OUT:
            self._left_out.add(name)
