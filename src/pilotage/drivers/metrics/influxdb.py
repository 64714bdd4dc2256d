"""InfluxDB by InfluxQL, which its versions 1, 2 and 3 all answer; sum() and count() per bucket become counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from pilotage.drivers import Context, Past, Point
from pilotage.drivers.address import Address, check_encrypted
from pilotage.drivers.answers import one_line
from pilotage.drivers.login import LoginOptions
from pilotage.drivers.metrics import influxql
from pilotage.drivers.metrics.bucketed import Bucketed, BucketOptions, Late
from pilotage.drivers.metrics.counting import Row, Span
from pilotage.drivers.service import Service

_LOOK = "SHOW MEASUREMENTS LIMIT 1"


class InfluxdbMetrics(Late):
    class Options(BucketOptions, LoginOptions):
        url: Address = Field(description="the server's address, without /query")
        database: str = Field(min_length=1, description="the database; in version 2 what is mapped to the bucket")
        retention_policy: str = Field(default="", description="the retention policy, when it is not the default one")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each whole answer")

        @model_validator(mode="after")
        def _fits(self) -> InfluxdbMetrics.Options:
            check_encrypted(self.url, self.secret)
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._service = Service(
            *("InfluxDB", options.url, options.secret, options.timeout_s, "Token"),
            option="url",
            user=options.username or "",
        )
        self._bucketed = Bucketed("InfluxDB", options, self._ask)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One request for all of them."""
        return await self._bucketed.read([influxql.wanted(one) for one in selectors])

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return await self._bucketed.read_past([influxql.wanted(one) for one in selectors], seconds, step_s)

    async def probe(self) -> str:
        influxql.series(self._service, await self._query([_LOOK]), [_LOOK])
        return f"InfluxDB answers queries of the database {self._options.database}"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, queries: Sequence[str], span: Span) -> dict[str, list[Row]]:
        body = await self._query([influxql.statement(one, span, self._options.bucket_s) for one in queries])
        return influxql.rows(self._service, body, queries)

    async def _query(self, statements: Sequence[str]) -> Any:
        """By GET: the server changes nothing then, whatever a statement says."""
        params = {"db": self._options.database, "epoch": "ms", "q": "; ".join(statements)}
        if self._options.retention_policy:
            params["rp"] = self._options.retention_policy
        answer = await self._service.call("GET", "/query", params=params)
        self._service.refuse(answer, f"the queries {one_line('; '.join(statements), 200)}")
        self._service.check_clock(answer)
        return answer.body
