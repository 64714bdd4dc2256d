"""A selector for Amazon CloudWatch: what it names, and the statistics that it needs.

``NAMESPACE METRIC STATISTIC [Dimension=value ...] [or 0 with METRIC]``, in quotes what has spaces in it.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import one_line
from pilotage.drivers.metrics.bucketed import Wanted

MOST_BOUNDS = 30
MOST_DIMENSIONS = 30
_COUNTS = ("Sum", "SampleCount")
_BOUND = r"\d+(\.\d{1,10})?"
_TRIMMED_COUNT = re.compile(rf"TC\(:{_BOUND}\)")
_LEVEL = re.compile(r"Average|Minimum|Maximum|IQM|(p|tm|wm)\d{1,2}(\.\d{1,10})?|p100|(TM|WM|PR)\([\d.%]*:[\d.%]*\)")
_HISTOGRAM = re.compile(rf"histogram\(({_BOUND}(,{_BOUND})*)\)")


@dataclass(frozen=True)
class Metric:
    """A statistic of a metric. Periods without a number are 0 where `total` (a metric of the same namespace and
    dimensions; empty: none) has one."""

    namespace: str
    name: str
    stat: str
    dimensions: tuple[tuple[str, str], ...] = ()
    total: str = ""

    @property
    def whole(self) -> Metric:
        return replace(self, name=self.total, stat="Sum", total="")

    @property
    def labels(self) -> dict[str, str]:
        return {"__name__": self.name, **dict(self.dimensions)}

    def __str__(self) -> str:
        dimensions = [f"{name}={value}" for name, value in self.dimensions]
        more = ["or", "0", "with", self.total] if self.total else []
        return shlex.join([self.namespace, self.name, self.stat, *dimensions, *more])


def parse(selector: str) -> Metric:
    """Raises PermanentError for what is no selector."""
    try:
        words = shlex.split(selector)
    except ValueError:
        raise _bad(selector, "a quote has no end") from None
    if len(words) < 3:
        raise _bad(selector, "something is missing")
    namespace, name, stat, *rest = words
    total = ""
    if "or" in rest:
        place = rest.index("or")
        rest, tail = rest[:place], rest[place:]
        if tail[:3] != ["or", "0", "with"] or len(tail) != 4:
            raise _bad(selector, f"it ends with {' '.join(tail)!r}")
        total = tail[3]
    dimensions = []
    for one in rest:
        key, equals, value = one.partition("=")
        if not key or not equals or not value:
            raise _bad(selector, f"{one!r} is no Dimension=value")
        dimensions.append((key, value))
    if len(dimensions) > MOST_DIMENSIONS or len(dict(dimensions)) < len(dimensions):
        raise _bad(selector, "each dimension stands there once")
    found = Metric(namespace, name, stat, tuple(dimensions), total)
    counted = stat in _COUNTS or _TRIMMED_COUNT.fullmatch(stat) or _HISTOGRAM.fullmatch(stat)
    if not counted and not _LEVEL.fullmatch(stat):
        raise _bad(selector, f"there is no statistic {stat!r}")
    if total and not counted:
        raise _bad(selector, "only a count can be 0 where nothing came")
    return found


def wanted(selector: str) -> Wanted:
    """Its queries, each a selector itself. Raises as `parse`."""
    metric = parse(selector)
    histogram = _HISTOGRAM.fullmatch(metric.stat)
    if histogram is None:
        return Wanted.one(str(metric), metric.stat in _COUNTS or bool(_TRIMMED_COUNT.fullmatch(metric.stat)))
    bounds = histogram[1].split(",")
    numbers = [float(one) for one in bounds]
    if numbers != sorted(set(numbers)) or len(numbers) > MOST_BOUNDS or numbers[0] <= 0:
        raise _bad(selector, f"at most {MOST_BOUNDS} ascending bounds above 0")
    parts = [(str(replace(metric, stat=f"TC(:{bound})")), bound) for bound in bounds]
    return Wanted((*parts, (str(replace(metric, stat="SampleCount")), "+Inf")), True)


def _bad(selector: str, why: str) -> PermanentError:
    return PermanentError(
        f"AWS CloudWatch: bad selector {one_line(selector, 200)!r}: {one_line(why, 100)}. Expected such as "
        "AWS/ApplicationELB RequestCount Sum TargetGroup=targetgroup/$group/1 LoadBalancer=app/x/1"
    )
