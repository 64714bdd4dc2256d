"""A rollout's numbers over time, as the live page draws them: canary and control with the interval, and the evidence.

Pure, and bounded: a rollout of a day has as many points as one of an hour. When there are too many, every stretch of
them keeps the points of its highest and lowest values, so that no peak is lost.

A rate, a latency and the bug's metric are of the phase so far, as the judge weighs them; requests per second are of the
tick. Where a finding has values, they and their interval are the finding's own: Wilson's 95 % interval of a rate
(evidence.wilson) and order statistics for a quantile (histograms.quantile_and_interval). In phases that are not judged
the same formulas are used on the counters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pilotage.core.counters import Counts, Delta
from pilotage.core.course import LEFT_OUT, named
from pilotage.core.evidence import wilson
from pilotage.core.histograms import quantile_and_interval
from pilotage.core.model import Action, Finding, Plan, Sample, Verdict
from pilotage.core.tally import Tally

MOST_POINTS = 240
"""Of one line, when it is told; up to twice as many are kept."""
MOST_LOG_E = 700.0
"""Evidence is capped at 1e300, and what is left of it may be nothing at all: neither is a number that can be drawn."""
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_LABELS = {"errors": "error rate", "rps": "requests per second"}

LEAST_STRETCHES = 8

Value = float | None
Row = tuple[float, int, tuple[Value, ...]]
"""An instant, its phase, and the columns' values then."""


@dataclass(frozen=True)
class Line:
    """Columns of one chart, as long as `at` (Unix seconds). None: not known then, or a gap between two phases."""

    name: str
    label: str
    unit: str
    """share (0-1), s, /s, or a guard's own."""
    at: tuple[float, ...]
    columns: Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class Span:
    """One phase, from its first sample to its last (Unix seconds)."""

    phase: int
    name: str
    weight: float
    judged: bool
    begin: float
    end: float


@dataclass(frozen=True)
class Charts:
    """`values`: canary, control, low, high of each metric. `evidence`: log_e (natural logarithm of the e-value) and
    limit, from which on it decides, of each criterion. `turn`: the last verdict, and when it was given."""

    spans: tuple[Span, ...]
    values: tuple[Line, ...]
    evidence: tuple[Line, ...]
    turn_at: float | None
    turn: Action | None


@dataclass
class _Track:
    """One line while it grows: rows of (at, phase, values)."""

    unit: str = ""
    rows: list[Row] = field(default_factory=list)

    def add(self, at: float, phase: int, values: tuple[Value, ...], most: int) -> None:
        self.rows.append((at, phase, values))
        if len(self.rows) > 2 * most:
            self.rows = thinned(self.rows, most)

    def line(self, name: str, label: str, columns: Sequence[str], most: int) -> Line:
        at: list[float] = []
        filled: list[list[Value]] = [[] for _ in columns]
        last: tuple[float, int] | None = None
        for moment, phase, values in thinned(self.rows, most):
            if last is not None and last[1] != phase:
                at.append((last[0] + moment) / 2)
                for column in filled:
                    column.append(None)
            last = (moment, phase)
            at.append(moment)
            for column, value in zip(filled, values, strict=True):
                column.append(_rounded(value))
        told = {key: tuple(column) for key, column in zip(columns, filled, strict=True)}
        return Line(name, label, self.unit, tuple(round(one, 3) for one in at), told)


class Series:
    """Takes samples with their verdicts, in their order; `charts` at any moment."""

    def __init__(self, plan: Plan, most: int = MOST_POINTS) -> None:
        self._plan, self._most = plan, most
        self._tally = Tally(measures=plan.measures)
        self._spans: dict[int, list[float]] = {}
        self._values: dict[str, _Track] = {}
        self._evidence: dict[str, _Track] = {}
        self._turn: tuple[float, Action] | None = None
        self._counted_at: float | None = None
        self._at = -math.inf

    @property
    def place(self) -> tuple[int, int]:
        """Phase and tick of the last sample taken in."""
        return self._tally.place

    def take(self, sample: Sample, verdict: Verdict) -> None:
        """A sample of the time before the rollout is passed over."""
        if sample.tick < 0:
            return
        self._at = max(self._at, sample.at)  # a clock that was set back does not turn the line back
        self._spans.setdefault(sample.phase, [self._at, self._at])[1] = self._at
        if sample.phase != self.place[0]:
            self._counted_at = None
        step = self._tally.take(sample)
        found = {one.metric: one for one in verdict.findings}
        self._count(sample, step, found)
        for name, one in found.items():
            if name not in LEFT_OUT:
                self._weigh(sample, name, one)
        self._turn = (self._at, verdict.action)

    def _count(self, sample: Sample, step: Delta | None, found: Mapping[str, Finding]) -> None:
        """What the counters say: everything in phases that are not judged, and what no finding has."""
        whole = self._tally.of([sample.phase])
        if step is not None and self._counted_at is not None and sample.at > self._counted_at:
            took = sample.at - self._counted_at
            self._note(sample, "rps", "/s", step.canary.requests / took, step.control.requests / took, None, None)
        if step is not None or self._counted_at is None:
            self._counted_at = sample.at
        if step is None:
            return
        measures = self._plan.measures
        if not _tells(found, "errors"):
            self._note(sample, "errors", "share", *_rates(whole.canary, whole.control))
        if measures.bug and not _tells(found, "bug"):
            bugs = (Counts(one.bug_total, one.bug_bad) for one in (whole.canary, whole.control))
            self._note(sample, "bug", "share", *_rates(*bugs))
        if measures.latency:
            for name, q in _QUANTILES.items():
                if not _tells(found, name):
                    self._note(sample, name, "s", *_latencies(whole.canary, whole.control, q))

    def _weigh(self, sample: Sample, name: str, found: Finding) -> None:
        """What the judge says: a metric's values, and the evidence."""
        guard = name.startswith("guard ")
        if (guard or " " not in name) and _tells({name: found}, name):  # `errors limit` has the values of `errors`
            unit = found.unit if guard else {"p95": "s", "tickets": "/s"}.get(name, "share")
            self._note(sample, name, unit, found.canary, found.control, found.low, found.high)
        if found.evidence is not None and not math.isnan(found.evidence):
            log_e = max(-MOST_LOG_E, min(MOST_LOG_E, found.evidence))
            track = self._evidence.setdefault(name, _Track("log e"))
            track.add(self._at, sample.phase, (log_e, found.threshold), self._most)

    def _note(self, sample: Sample, name: str, unit: str, *values: Value) -> None:
        canary, control, low, high = values
        if canary is None and control is None:
            return
        interval = (low, high) if canary is not None else (None, None)
        track = self._values.setdefault(name, _Track(unit))
        track.add(self._at, sample.phase, (canary, control, *interval), self._most)

    def charts(self, after: float | None = None) -> Charts:
        """`after`: only what came later than this instant."""
        phases = self._plan.phases
        spans = (
            Span(place, phases[place].name, phases[place].weight, phases[place].judged, begin, end)
            for place, (begin, end) in sorted(self._spans.items())
        )
        order = ("errors", "bug", "p95", "p50", "p99", "rps")
        values = [
            _later(track, after).line(name, self._label(name), ("canary", "control", "low", "high"), self._most)
            for name, track in sorted(self._values.items(), key=lambda one: _place(order, one[0]))
        ]
        evidence = [
            _later(track, after).line(name, named(self._plan, name), ("log_e", "limit"), self._most)
            for name, track in sorted(self._evidence.items(), key=lambda one: _place(order, one[0]))
        ]
        turn_at, turn = self._turn or (None, None)
        return Charts(tuple(spans), tuple(values), tuple(evidence), turn_at, turn)

    def _label(self, name: str) -> str:
        return _LABELS.get(name) or named(self._plan, name).removeprefix("guard ")


def charts_of(
    plan: Plan, samples: Iterable[Sample], verdicts: Mapping[tuple[int, int], Verdict], most: int = MOST_POINTS
) -> Charts:
    """Of a rollout's stored samples, in their order, and the verdicts by (phase, tick)."""
    series = Series(plan, most)
    for sample in samples:
        series.take(sample, verdicts.get((sample.phase, sample.tick), Verdict(Action.WATCH, "")))
    return series.charts()


def thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` of the rows, in their order and with room for gaps between phases: the very first and last, and in
    each stretch of time the lowest and highest of the first two columns. A phase has stretches of its own, as long as
    there are not too many of them."""
    phases = len({phase for _, phase, _ in rows})
    if len(rows) + phases - 1 <= most:
        return list(rows)
    stretches = (most - 1 - phases) // 4 - phases
    apart = stretches >= LEAST_STRETCHES
    if not apart:
        stretches = max(1, (most // 2 - 2) // 4)
    first, last = rows[0][0], rows[-1][0]
    scale = stretches / (last - first) if last > first else 0.0
    extremes: dict[tuple[int, int, int], tuple[int, int]] = {}
    for place, (at, phase, values) in enumerate(rows):
        stretch = min(stretches - 1, int((at - first) * scale))
        for column in (0, 1):
            value = values[column]
            if value is None or math.isnan(value):
                continue
            key = (stretch, phase if apart else 0, column)
            low, high = extremes.get(key, (place, place))
            low = place if value < _number(rows[low][2][column]) else low
            high = place if value > _number(rows[high][2][column]) else high
            extremes[key] = (low, high)
    kept = {0, len(rows) - 1}.union(*extremes.values())
    return [rows[place] for place in sorted(kept)]


def _number(value: Value) -> float:
    assert value is not None
    return value


def _tells(found: Mapping[str, Finding], name: str) -> bool:
    one = found.get(name)
    return one is not None and (one.canary is not None or one.control is not None)


def _rates(mine: Counts, theirs: Counts) -> tuple[Value, Value, Value, Value]:
    canary, control = (one.errors / one.requests if one.requests else None for one in (mine, theirs))
    return canary, control, *wilson(mine.errors, mine.requests)


def _latencies(mine: Counts, theirs: Counts, q: float) -> tuple[Value, Value, Value, Value]:
    known = quantile_and_interval(mine.latency, q)
    control = quantile_and_interval(theirs.latency, q)
    canary, low, high = known or (None, None, None)
    return canary, control[0] if control else None, low, high


def _later(track: _Track, after: float | None) -> _Track:
    if after is None:
        return track
    return _Track(track.unit, [row for row in track.rows if row[0] > after])


def _place(order: Sequence[str], name: str) -> tuple[int, str]:
    first = name.split()[0] if name.split() else ""
    return (order.index(first) if first in order else len(order), name)


def _rounded(value: Value) -> Value:
    """Six digits: more than a chart shows. What is no number is not known."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
