"""One look at both groups: the plan's selectors, asked of their sources, summed up into a Reading."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pilotage.core.model import Counters, Histogram, Instance, Measures, RatioMetric, Reading
from pilotage.drivers import History, Metrics, Point
from pilotage.engine import signals
from pilotage.telemetry import driver_call

PAST_S = 1800.0
PAST_STEP_S = 60.0
INSTANCE_LABELS = ("instance", "pod")
MOST_INSTANCES = 50
"""Groups of more are taken as one: the samples would grow too large."""

Answers = Mapping[tuple[str, str], Sequence[Point]]
"""(source, selector) -> its series."""


async def read(measures: Measures, sources: Mapping[str, Metrics], timeout_s: float) -> Reading:
    """Both groups now, with guards and tickets. A source that fails or is late gives a Reading with `fault` and without
    requests; one that only guards or tickets come from costs only these."""
    reading, beside = await asyncio.gather(
        _read(measures, sources, timeout_s), signals.read(measures, sources, timeout_s)
    )
    return beside.within(reading)


async def _read(measures: Measures, sources: Mapping[str, Metrics], timeout_s: float) -> Reading:
    wanted = _wanted(measures)
    names = list(wanted)
    try:
        async with asyncio.timeout(timeout_s):
            tables = await asyncio.gather(*[_ask(measures, sources, name, wanted[name]) for name in names])
    except TimeoutError:
        return Reading(fault=f"the metrics source did not answer within {timeout_s:g} s")
    except Exception as error:
        return Reading(fault=f"the metrics source failed: {error or type(error).__name__}")
    try:
        return _reading(measures, wanted, dict(zip(names, tables, strict=True)))
    except BucketsAdded as error:
        return Reading(fault=str(error))


async def _ask(
    measures: Measures, sources: Mapping[str, Metrics], name: str, selectors: Sequence[str]
) -> list[list[Point]]:
    with driver_call(signals.driver_of(measures, name), "read", source=name):
        return await sources[name].read(selectors)


class BucketsAdded(Exception):
    """A counter's selector gives all the buckets of a histogram: each holds those below it, their sum means nothing."""


async def read_past(
    measures: Measures, sources: Mapping[str, Metrics], timeout_s: float
) -> list[tuple[float, Reading]]:
    """(instant, reading) of the last half hour, a minute apart, oldest first; none when a source keeps no past.

    Where only the sources of guards or tickets keep it, the readings have only these.
    """
    main, beside = await asyncio.gather(
        _read_past(measures, sources, timeout_s),
        signals.read_past(measures, sources, timeout_s, PAST_S, PAST_STEP_S),
        return_exceptions=True,
    )
    if isinstance(beside, BaseException):
        beside = []
    if isinstance(main, BaseException) or not main:
        if isinstance(main, BaseException) and not beside:
            raise main
        return [(at, one.within(Reading())) for at, one in beside]
    if len(beside) != len(main):
        return main
    return [(at, one.within(reading)) for (at, reading), (_, one) in zip(main, beside, strict=True)]


async def _read_past(
    measures: Measures, sources: Mapping[str, Metrics], timeout_s: float
) -> list[tuple[float, Reading]]:
    wanted = _wanted(measures)
    keepers = {name: source for name in wanted if isinstance(source := sources[name], History)}
    if len(keepers) < len(wanted):
        return []
    async with asyncio.timeout(timeout_s):
        pasts = await asyncio.gather(*[keepers[name].read_past(wanted[name], PAST_S, PAST_STEP_S) for name in wanted])
    found = []
    for moments in zip(*pasts, strict=False):
        tables = {name: moment.answers for name, moment in zip(wanted, moments, strict=True)}
        found.append((moments[0].at, _reading(measures, wanted, tables)))
    return found


def _wanted(measures: Measures) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for group in (measures.canary, measures.control):
        for source, selector in _selectors(measures, group):
            wanted[source].append(selector)
    return wanted


def _reading(
    measures: Measures, wanted: Mapping[str, Sequence[str]], tables: Mapping[str, Sequence[Sequence[Point]]]
) -> Reading:
    answers = {
        (name, selector): points
        for name, selectors in wanted.items()
        for selector, points in zip(selectors, tables[name], strict=True)
    }
    return Reading(_counters(measures, measures.canary, answers), _counters(measures, measures.control, answers))


def _selectors(measures: Measures, group: str) -> list[tuple[str, str]]:
    ratios = [measures.errors] + ([measures.bug] if measures.bug else [])
    found = [(ratio.source, text) for ratio in ratios for text in (ratio.total, ratio.bad)]
    if measures.latency:
        found.append((measures.latency.source, measures.latency.histogram))
    return [(source, for_group(text, group)) for source, text in found]


def for_group(selector: str, group: str) -> str:
    return selector.replace("$group", group)


def _counters(measures: Measures, group: str, answers: Answers) -> Counters | None:
    """The group's sums, and each instance's own where the series tell more than one apart."""
    total = answers[measures.errors.source, for_group(measures.errors.total, group)]
    whole = _summed(measures, group, answers, None)
    names = sorted({name for point in total if (name := _instance(point))})
    if whole is None or not 2 <= len(names) <= MOST_INSTANCES or not _all_within(measures, group, answers, set(names)):
        return whole
    each = [(name, _summed(measures, group, answers, name)) for name in names]
    return replace(whole, instances=tuple(Instance(name, one) for name, one in each if one is not None))


def _instance(point: Point) -> str:
    return next((point.labels[label] for label in INSTANCE_LABELS if point.labels.get(label)), "")


def _all_within(measures: Measures, group: str, answers: Answers, names: set[str]) -> bool:
    """Every series belongs to an instance that counts requests: else their sum would not be the group's."""
    wanted = [answers[key] for key in _selectors(measures, group)]
    return all(_instance(point) in names for points in wanted for point in points)


def _summed(measures: Measures, group: str, answers: Answers, instance: str | None) -> Counters | None:
    """One instance's counters, or the group's (None)."""

    def points(source: str, selector: str) -> list[Point]:
        found = answers[source, for_group(selector, group)]
        return [point for point in found if instance is None or _instance(point) == instance]

    def ratio(metric: RatioMetric) -> tuple[float | None, float | None]:
        """A bad-counter without series is 0 once the total is there: it is born with the first error.

        Raises BucketsAdded.
        """
        total = points(metric.source, metric.total)
        if not total:
            return None, None
        bad = points(metric.source, metric.bad)
        for selector, found in ((metric.total, total), (metric.bad, bad)):
            if len({point.labels["le"] for point in found if "le" in point.labels}) > 1:
                hint = 'ask for one (le="0.5"), or for its count (..._count; of a native one histogram_count(...))'
                raise BucketsAdded(f"{metric.name}: {selector} gives the buckets of a histogram: {hint}")
        return sum(point.value for point in total), sum(point.value for point in bad)

    requests, errors = ratio(measures.errors)
    if requests is None:
        return None
    bug_total, bug_bad = ratio(measures.bug) if measures.bug else (None, None)
    latency = None
    if measures.latency:
        buckets = points(measures.latency.source, measures.latency.histogram)
        latency = histogram(buckets, 0.001 if measures.latency.unit == "ms" else 1.0)
    return Counters(requests, errors or 0.0, latency, bug_total, bug_bad)


def histogram(points: Sequence[Point], unit: float) -> Histogram | None:
    """Prometheus buckets (each counts all below its ``le``) to counts per bucket; several series add up."""
    summed: dict[float, float] = defaultdict(float)
    for point in points:
        try:
            summed[float(point.labels["le"]) * unit] += point.value
        except (KeyError, ValueError):
            continue
    bounds = sorted(summed)
    if not bounds or not math.isinf(bounds[-1]):
        return None
    below = [0.0] + [summed[bound] for bound in bounds[:-1]]
    return Histogram(tuple(bounds), tuple(summed[bound] - less for bound, less in zip(bounds, below, strict=True)))
