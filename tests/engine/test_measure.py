"""From a source's points to a reading: sums by group, and by instance where they are told apart."""

from __future__ import annotations

from dataclasses import replace

from pilotage.core.model import Counters, LatencyMetric, Measures, RatioMetric
from pilotage.drivers import Past, Point
from pilotage.engine import measure

MEASURES = Measures(
    {},
    "new",
    "old",
    RatioMetric("errors", "s", "hits{$group}", "bad{$group}"),
    LatencyMetric("latency", "s", "le{$group}", "ms"),
)


class Source:
    """Answers from a table; every instance of a group has `hits`, buckets and perhaps errors."""

    def __init__(self, **groups: dict[str, float]) -> None:
        self.groups = groups
        self.bad: dict[str, float] = {}

    async def read(self, selectors: list[str]) -> list[list[Point]]:
        return [list(self.points(one)) for one in selectors]

    def points(self, selector: str) -> list[Point]:
        name, group = selector.rstrip("}").split("{")
        found = []
        for instance, hits in self.groups.get(group, {}).items():
            labels = {"instance": instance} if instance else {}
            if name == "hits":
                found.append(Point(labels, hits))
            elif name == "bad" and instance in self.bad:
                found.append(Point(labels, self.bad[instance]))
            elif name == "le":
                found += [Point({**labels, "le": "100"}, hits / 2), Point({**labels, "le": "+Inf"}, hits)]
        return found


class KeepingSource(Source):
    async def read_past(self, selectors: list[str], seconds: float, step_s: float) -> list[Past]:
        return [Past(float(at), await self.read(selectors)) for at in (60, 120)]


async def test_instances_are_told_apart_and_sum_up_to_their_group() -> None:
    source = Source(new={"a:1": 10}, old={"b:1": 30, "b:2": 60})
    source.bad = {"b:2": 3}
    reading = await measure.read(MEASURES, {"s": source}, 1)
    assert reading.canary is not None
    assert reading.control is not None
    assert (reading.canary.requests, reading.canary.instances) == (10, ())
    assert (reading.control.requests, reading.control.errors) == (90, 3)
    each = {one.name: one.counters for one in reading.control.instances}
    assert each.keys() == {"b:1", "b:2"}
    assert (each["b:1"].errors, each["b:2"].errors) == (0, 3)
    assert each["b:2"].latency is not None
    assert each["b:2"].latency.counts == (30, 30)


async def test_errors_of_an_instance_that_counts_no_requests_leave_the_group_whole() -> None:
    class Odd(Source):
        def points(self, selector: str) -> list[Point]:
            extra = [Point({"instance": "elsewhere"}, 1)] if selector.startswith("bad") else []
            return super().points(selector) + extra

    reading = await measure.read(MEASURES, {"s": Odd(old={"b:1": 30, "b:2": 60}, new={"": 1})}, 1)
    assert reading.control is not None
    assert (reading.control.errors, reading.control.instances) == (1, ())


async def test_the_past_is_read_where_every_source_keeps_it() -> None:
    groups = {"old": {"b:1": 30.0, "b:2": 60.0}}
    past = await measure.read_past(MEASURES, {"s": KeepingSource(**groups)}, 1)
    assert [at for at, _ in past] == [60, 120]
    assert all(isinstance(one.control, Counters) and one.canary is None for _, one in past)
    assert await measure.read_past(MEASURES, {"s": Source(**groups)}, 1) == []


async def test_the_buckets_of_a_histogram_are_not_added_up_as_requests() -> None:
    source = Source(new={"a:1": 10}, old={"b:1": 30})
    counted = replace(MEASURES, errors=RatioMetric("errors", "s", "le{$group}", "bad{$group}"))
    reading = await measure.read(counted, {"s": source}, 1)
    assert reading.canary is None
    assert "errors: le{$group} gives the buckets of a histogram" in reading.fault
    one = Source(new={"a:1": 10}, old={"b:1": 30})
    one.points = lambda selector: [Point({"le": "0.5"}, 3)]  # type: ignore[method-assign]
    assert (await measure.read(replace(MEASURES, latency=None), {"s": one}, 1)).fault == ""
