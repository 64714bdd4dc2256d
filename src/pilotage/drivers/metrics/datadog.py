"""Datadog's metrics: a query with .as_count() is counted, one with histogram(...) a histogram, any other a level."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, Past, Point
from pilotage.drivers.answers import Answer, one_line
from pilotage.drivers.metrics.bucketed import Bucketed, BucketOptions, Late, Wanted
from pilotage.drivers.metrics.counting import Row, Span
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

Site = Literal[
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
]
_HISTOGRAM = re.compile(r"\s*histogram\(([^)]*)\)\s*:\s*(\S.*)", re.DOTALL)
MOST_BOUNDS = 30
_INSTANCES = {"pod_name": "pod", "host": "instance"}
"""What tells instances apart, as the judge calls it."""
_NOTHING = "avg:system.cpu.user{*}"


class DatadogMetrics(Late):
    class Options(BucketOptions):
        api_key: Secret = Field(description="the organisation's API key")
        app_key: Secret = Field(description="an application key that may query timeseries")
        site: Site = Field(default="datadoghq.com", description="the organisation's site, as in its addresses")
        api: Api | None = Field(default=None, description="another address of the API, such as a proxy's")
        lag_s: float = Field(default=20.0, ge=0, le=900, description="seconds by which a bucket is usually late")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each whole answer")

    def __init__(self, options: Options, context: Context) -> None:
        keys = {"DD-API-KEY": options.api_key, "DD-APPLICATION-KEY": options.app_key}
        api = options.api or f"https://api.{options.site}"
        self._service = Service(
            "Datadog", api, None, options.timeout_s, keys=keys, option="api" if options.api else "site"
        )
        self._bucket_ms = options.bucket_s * 1000
        self._bucketed = Bucketed("Datadog", options, self._ask)
        self._not_before = 0.0
        """Until then Datadog has no request left for us, by this process's clock."""

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One request for all of them."""
        return await self._bucketed.read([_wanted(one) for one in selectors])

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return await self._bucketed.read_past([_wanted(one) for one in selectors], seconds, step_s)

    async def probe(self) -> str:
        until = time.time() // 60 * 60
        await self._ask([_NOTHING], Span(until - 60, until))
        return "Datadog answers queries with these keys"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, queries: Sequence[str], span: Span) -> dict[str, list[Row]]:
        if (left := self._not_before - time.monotonic()) > 0:
            raise TemporaryError(f"Datadog limits how often it may be asked: none is left for {left:.0f} s", left)
        names = [f"q{number}" for number in range(len(queries))]
        attributes = {
            "from": round(span.start * 1000),
            "to": round(span.until * 1000),
            "interval": self._bucket_ms,
            "queries": [
                {"data_source": "metrics", "query": query, "name": name}
                for query, name in zip(queries, names, strict=True)
            ],
            "formulas": [{"formula": name} for name in names],
        }
        body = {"data": {"type": "timeseries_request", "attributes": attributes}}
        answer = await self._service.call("POST", "/api/v2/query/timeseries", body)
        self._mind_the_limit(answer)
        self._service.refuse(answer, f"the queries {one_line('; '.join(queries), 200)}")
        self._service.check_clock(answer)
        if said := answer.get("errors"):
            shown = one_line("; ".join(queries), 200)
            raise TemporaryError(f"Datadog could not answer the queries {shown}: {one_line(str(said), 200)}")
        return self._rows(answer, queries)

    def _mind_the_limit(self, answer: Answer) -> None:
        """Raises TemporaryError where Datadog says when to come back in its own header only."""
        reset = answer.headers.get("x-ratelimit-reset", "")
        after = float(reset) if reset.isascii() and reset.isdigit() and len(reset) < 7 else None
        if after is None:
            return
        if answer.headers.get("x-ratelimit-remaining") == "0":
            self._not_before = time.monotonic() + after
        if answer.status == 429 and answer.after_s is None:
            again = f"it may be asked again after {after:.0f} s"
            raise TemporaryError(f"Datadog limits how often it may be asked (429); {again}", after)

    def _rows(self, answer: Answer, queries: Sequence[str]) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {query: [] for query in queries}
        try:
            data: dict[str, Any] = answer.body["data"]["attributes"]
            times = [float(at) / 1000 for at in data.get("times") or []]
            series, values = data["series"] or [], data.get("values") or []
            for one, numbers in zip(series, values, strict=True):
                query = queries[one["query_index"]]
                row = [
                    (at, None if number is None else float(number)) for at, number in zip(times, numbers, strict=True)
                ]
                found[query].append((_labels(one.get("group_tags") or []), row))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise self._service.stranger("it holds no timeseries") from None
        return found


def _labels(tags: Sequence[str]) -> dict[str, str]:
    pairs = (tag.partition(":") for tag in tags)
    return {_INSTANCES.get(name, name): value for name, _, value in pairs}


def _wanted(selector: str) -> Wanted:
    """Raises PermanentError."""
    query = selector.strip()
    found = _HISTOGRAM.fullmatch(query)
    if found is None:
        if query.startswith("histogram("):
            raise _bad(selector)
        return Wanted.one(query, ".as_count()" in query)
    metric = found[2].strip().removesuffix(".as_count()")
    bounds = [one.strip() for one in found[1].split(",")]
    try:
        numbers = [float(one) for one in bounds]
    except ValueError:
        raise _bad(selector) from None
    if numbers != sorted(set(numbers)) or not 0 < len(numbers) <= MOST_BOUNDS or numbers[0] <= 0 or numbers[-1] > 1e15:
        raise _bad(selector)
    parts = [(f"count(v: v<={bound}):{metric}.as_count()", bound) for bound in bounds]
    return Wanted((*parts, (f"count:{metric}.as_count()", "+Inf")), True)


def _bad(selector: str) -> PermanentError:
    return PermanentError(
        f"bad selector {one_line(selector, 200)!r}: expected histogram(0.1, 0.25, 1):metric{{tags}} with at most "
        f"{MOST_BOUNDS} ascending bounds, of a distribution metric with percentiles enabled"
    )
