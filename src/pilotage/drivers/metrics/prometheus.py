"""Instant queries to Prometheus, or anything with its HTTP API (VictoriaMetrics, Mimir, Thanos)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from pilotage.drivers import Context, Language, Past, Point
from pilotage.drivers.answers import Answer
from pilotage.drivers.login import LoginOptions
from pilotage.drivers.metrics import promapi
from pilotage.drivers.metrics.exposition import VECTOR, parse_selector
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

MOST_SKEW_S = 5.0
"""From here on the probe tells of it."""
PACE_S = 600
"""The time in which samples are counted."""


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ValueError("an http:// or https:// address without a password in it (username and password are options)")
    return url.rstrip("/").removesuffix("/api/v1")


def _header(name: str) -> str:
    if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError("names of headers, such as X-Scope-OrgID")
    return name


class PrometheusMetrics:
    language: ClassVar[Language] = "promql"

    class Options(LoginOptions):
        url: Annotated[str, AfterValidator(_address)] = Field(description="the server's address, without /api/v1")
        headers: dict[Annotated[str, AfterValidator(_header)], str | Secret] = Field(
            default_factory=dict, description="sent with every query, such as X-Scope-OrgID; values or secrets"
        )
        ca_file: str = Field(default="", description="certificates (PEM) to trust instead of the usual authorities")
        partial: bool = Field(default=False, description="use answers that the server itself calls incomplete")
        every_s: float = Field(
            default=0.1, gt=0, le=3600, description="seconds between two scrapes, or evaluations of a rule that is read"
        )
        behind_s: float = Field(
            default=0.0, ge=0, le=3600, description="how late numbers come (VictoriaMetrics' latencyOffset is 30)"
        )
        timeout_s: float = Field(default=10.0, gt=0, description="seconds for each whole answer")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        given = options.headers
        self._service = Service(
            "Prometheus",
            options.url,
            options.secret,
            options.timeout_s,
            "Bearer",
            keys={name: one for name, one in given.items() if isinstance(one, Secret)},
            headers={name: one for name, one in given.items() if isinstance(one, str)},
            option="url",
            user=options.username or "",
            ca_file=str(context.directory / options.ca_file) if options.ca_file else "",
        )

    @property
    def every_s(self) -> float:
        return self._options.every_s

    @property
    def behind_s(self) -> float:
        return self._options.behind_s

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """Each selector is a PromQL expression giving an instant vector or a scalar, at the server's own time."""
        found = await asyncio.gather(*(self._instant(one) for one in selectors))
        return [[point for _, _, points in series for point in points] for series in found]

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        """By a range query for each selector, which end at the server's present: its clock may be another."""
        steps = int(seconds // step_s)
        if not selectors or steps <= 0:
            return []
        ((_, theirs, _),) = await self._instant("time()")
        ahead = theirs - time.time()
        starts = [theirs - step_s * back for back in range(steps, 0, -1)]
        found = [Past(at - ahead, [[] for _ in selectors]) for at in starts]
        series = await asyncio.gather(*(self._span(one, starts[0], starts[-1], step_s) for one in selectors))
        for place, rows in enumerate(series):
            for _, at, points in rows:
                step = round((at - starts[0]) / step_s)
                if 0 <= step < len(found):
                    found[step].answers[place].extend(points)
        return found

    async def ages(self, selectors: Sequence[str]) -> list[float | None]:
        """Of a plain selector's newest sample; an expression's own is always new."""
        return list(await asyncio.gather(*(self._age(one) for one in selectors)))

    async def paces(self, selectors: Sequence[str]) -> list[float | None]:
        """By the number of samples in the last minutes, of series that were there before already."""
        return list(await asyncio.gather(*(self._pace(one) for one in selectors)))

    async def probe(self) -> str:
        ((_, theirs, _),) = await self._instant("time()")
        skew = time.time() - theirs
        told = f"; its clock is {abs(skew):.0f} s {'behind' if skew > 0 else 'ahead of'} ours"
        return f"Prometheus at {self._options.url} answers queries{told if abs(skew) > MOST_SKEW_S else ''}"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _age(self, selector: str) -> float | None:
        try:
            parse_selector(selector)
        except ValueError:
            return None
        found = await self._instant(f"timestamp({selector})")
        return min((at - points[0].value for _, at, points in found), default=None)

    async def _pace(self, selector: str) -> float | None:
        vector = VECTOR.search(selector)
        one = vector[0].strip() if vector else selector
        try:
            parse_selector(one)
        except ValueError:
            return None
        span = f"{PACE_S:g}s"
        found = await self._instant(f"max(count_over_time({one}[{span}]) and {one} offset {span})")
        return next((PACE_S / points[0].value for _, _, points in found if points[0].value > 0), None)

    async def _instant(self, query: str) -> list[promapi.Series]:
        answer = await self._ask("query", {"query": query})
        try:
            return promapi.instant(promapi.data(answer, query, self._options.partial), query)
        except promapi.Malformed as error:
            raise self._service.stranger(str(error)) from None

    async def _span(self, query: str, start: float, end: float, step_s: float) -> list[promapi.Series]:
        form = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        answer = await self._ask("query_range", form)
        try:
            return promapi.span(promapi.data(answer, query, self._options.partial))
        except promapi.Malformed as error:
            raise self._service.stranger(str(error)) from None

    async def _ask(self, what: str, form: Mapping[str, str]) -> Answer:
        answer = await self._service.call("POST", f"/api/v1/{what}", form=form)
        promapi.refuse(answer, form["query"])
        self._service.refuse(answer, f"the query {form['query']!r}")
        return answer
