"""One look at both groups: the plan's selectors, asked of their sources, summed up into a Reading."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pilotage.core.model import Counters, Histogram, Measures, RatioMetric, Reading
from pilotage.drivers import Metrics, Point

Answers = Mapping[tuple[str, str], Sequence[Point]]
"""(source, selector) -> its series."""


async def read(measures: Measures, sources: Mapping[str, Metrics], timeout_s: float) -> Reading:
    """Both groups now. A source that fails or is late gives a Reading with `fault` and no numbers."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for group in (measures.canary, measures.control):
        for source, selector in _selectors(measures, group):
            wanted[source].append(selector)
    names = list(wanted)
    try:
        async with asyncio.timeout(timeout_s):
            tables = await asyncio.gather(*[sources[name].read(wanted[name]) for name in names])
    except TimeoutError:
        return Reading(fault=f"the metrics source did not answer within {timeout_s:g} s")
    except Exception as error:
        return Reading(fault=f"the metrics source failed: {error or type(error).__name__}")
    answers = {
        (name, selector): points
        for name, table in zip(names, tables, strict=True)
        for selector, points in zip(wanted[name], table, strict=True)
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
    requests, errors = _ratio(measures.errors, group, answers)
    if requests is None:
        return None
    bug_total, bug_bad = _ratio(measures.bug, group, answers) if measures.bug else (None, None)
    latency = None
    if measures.latency:
        points = answers[measures.latency.source, for_group(measures.latency.histogram, group)]
        latency = _histogram(points, 0.001 if measures.latency.unit == "ms" else 1.0)
    return Counters(requests, errors or 0.0, latency, bug_total, bug_bad)


def _ratio(metric: RatioMetric, group: str, answers: Answers) -> tuple[float | None, float | None]:
    """Total and bad. A bad-counter without series is 0 once the total is there: it is born with the first error."""
    total = answers[metric.source, for_group(metric.total, group)]
    bad = answers[metric.source, for_group(metric.bad, group)]
    if not total:
        return None, None
    return sum(point.value for point in total), sum(point.value for point in bad)


def _histogram(points: Sequence[Point], unit: float) -> Histogram | None:
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
