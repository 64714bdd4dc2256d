"""Amazon CloudWatch: sums and sample counts become counters, percentiles and averages are taken as they are."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, Past, Point
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.drivers.metrics.bucketed import Bucketed, BucketOptions, Late
from pilotage.drivers.metrics.cloudwatch_selectors import Metric, parse, wanted
from pilotage.drivers.metrics.counting import Row, Span

_WHO = "AWS CloudWatch"
_MOST_QUERIES = 500
_MOST_PAGES = 20
_NOTHING = Metric("AWS/Usage", "CallCount", "Sum", (("Service", "CloudWatch"), ("Type", "API")))
"""What a probe asks for: whether it is there does not matter."""


class AwsCloudWatchMetrics(Late):
    class Options(AwsOptions, BucketOptions):
        bucket_s: int = Field(default=60, ge=1, le=3600, description="seconds in a period, as the metrics are kept")
        lag_s: float = Field(default=120.0, ge=0, le=900, description="seconds by which a period is usually late")

        @field_validator("bucket_s")
        @classmethod
        def _is_a_period(cls, bucket_s: int) -> int:
            if bucket_s not in (1, 5, 10, 20, 30) and bucket_s % 60:
                raise ValueError("1, 5, 10, 20, 30, or a multiple of 60 seconds")
            return bucket_s

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._aws = Aws("cloudwatch", _WHO, options, prefix="cloudwatch")
        self._bucketed = Bucketed(_WHO, options, self._ask)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One request for all of them."""
        return await self._bucketed.read([wanted(one) for one in selectors])

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return await self._bucketed.read_past([wanted(one) for one in selectors], seconds, step_s)

    async def probe(self) -> str:
        until = time.time() // 60 * 60
        await self._values([_NOTHING], Span(until - 300, until))
        return f"{_WHO} answers queries for metrics"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, queries: Sequence[str], span: Span) -> dict[str, list[Row]]:
        """Periods that are not over yet are left out: a percentile of half a minute is another one."""
        metrics = {query: parse(query) for query in queries}
        totals = {query: one.whole for query, one in metrics.items() if one.total}
        found = await self._values(list(dict.fromkeys((*metrics.values(), *totals.values()))), span)
        rows: dict[str, list[Row]] = {}
        for query, metric in metrics.items():
            values = found.get(metric, {})
            if query in totals:
                values = dict.fromkeys(found.get(totals[query], {}), 0.0) | values
            ended = [(at, value) for at, value in sorted(values.items()) if at + self._options.bucket_s <= time.time()]
            rows[query] = [(metric.labels, ended)] if ended else []
        return rows

    async def _values(self, metrics: Sequence[Metric], span: Span) -> dict[Metric, dict[float, float]]:
        """Each metric's numbers by where their period begins."""
        found: dict[Metric, dict[float, float]] = {}
        for first in range(0, len(metrics), _MOST_QUERIES):
            part = metrics[first : first + _MOST_QUERIES]
            what = f"the metrics {listed([str(one) for one in part], 3)}"
            given: dict[str, Any] = {
                "MetricDataQueries": [self._query(number, one) for number, one in enumerate(part)],
                "StartTime": datetime.datetime.fromtimestamp(span.start, datetime.UTC),
                "EndTime": datetime.datetime.fromtimestamp(span.until, datetime.UTC),
                "ScanBy": "TimestampAscending",
            }
            for _ in range(_MOST_PAGES):
                answer = await self._aws.look("get_metric_data", what, **given)
                self._aws.check_clock(answer)
                for one in self._aws.listed(answer, "MetricDataResults"):
                    self._take(one, part, found)
                if not answer.get("NextToken"):
                    break
                given["NextToken"] = answer["NextToken"]
            else:
                raise PermanentError(f"{_WHO} gives more than {_MOST_PAGES} pages for {what}: ask for less at once")
        return found

    def _query(self, number: int, metric: Metric) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
        named = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
        return {
            "Id": f"q{number}",
            "MetricStat": {"Metric": named, "Period": self._options.bucket_s, "Stat": metric.stat},
            "ReturnData": True,
        }

    def _take(
        self, result: Mapping[str, Any], metrics: Sequence[Metric], found: dict[Metric, dict[float, float]]
    ) -> None:
        status, number = result.get("StatusCode"), str(result.get("Id"))[1:]
        if not number.isdigit() or int(number) >= len(metrics):
            raise self._aws.stranger("it answers what was not asked")
        metric = metrics[int(number)]
        if status not in ("Complete", "PartialData"):
            messages = [str(one.get("Value")) for one in result.get("Messages") or () if isinstance(one, Mapping)]
            why = listed(messages) or "no reason given"
            said = f"{_WHO} has no answer for {metric} ({one_line(str(status), 40)}): {why}"
            raise PermanentError(said) if status == "Forbidden" else TemporaryError(said)
        try:
            times, values = result["Timestamps"], result["Values"]
            numbers = {at.timestamp(): float(value) for at, value in zip(times, values, strict=True)}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._aws.stranger("it holds no series of times and numbers") from None
        found.setdefault(metric, {}).update(numbers)
