"""Instant queries to Prometheus, or anything with its HTTP API (VictoriaMetrics, Mimir, Thanos)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Language, Past, Point
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret

Series = tuple[dict[str, str], list[tuple[float, float]]]
"""Labels, and (instant, value) in order."""


class PrometheusMetrics:
    language: ClassVar[Language] = "promql"

    class Options(DriverOptions):
        url: str = Field(description="the server's address, without /api/v1")
        token: Secret | None = Field(default=None, description="a bearer token, when the server asks for one")
        timeout_s: float = Field(default=10.0, gt=0, description="seconds for connecting, sending and reading each")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._url = options.url.rstrip("/") + "/api/v1"
        self._client = Client(options.timeout_s)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """Each selector is a PromQL expression giving an instant vector or a scalar."""
        return list(await asyncio.gather(*(self._query(one) for one in selectors)))

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        """By a range query for each selector."""
        end = time.time()
        steps = int(seconds // step_s)
        instants = [end - step_s * back for back in range(steps, 0, -1)]
        if not selectors or not instants:
            return []
        found = [Past(at, [[] for _ in selectors]) for at in instants]
        series = await asyncio.gather(*(self._range(one, instants[0], instants[-1], step_s) for one in selectors))
        for place, rows in enumerate(series):
            for labels, values in rows:
                for at, value in values:
                    step = round((at - instants[0]) / step_s)
                    if 0 <= step < len(found):
                        found[step].answers[place].append(Point(labels, value))
        return found

    async def probe(self) -> str:
        await self._query("vector(1)")
        return f"Prometheus at {self._options.url} answers queries"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _query(self, expression: str) -> list[Point]:
        return _points(await self._ask("query", {"query": expression}), expression)

    async def _range(self, expression: str, start: float, end: float, step_s: float) -> list[Series]:
        form = {"query": expression, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step_s:g}"}
        return _matrix(await self._ask("query_range", form))

    async def _ask(self, what: str, form: dict[str, str]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._options.token.reveal()}"} if self._options.token else {}
        url = f"{self._url}/{what}"
        try:
            answer = await self._client.post(url, data=form, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise PermanentError(f"expected an http:// or https:// address, got {self._options.url!r}") from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            raise TemporaryError(
                f"Prometheus does not answer ({kind}). Try: curl '{self._url}/query?query=vector(1)'"
            ) from None
        code = answer.status_code
        if code in (400, 422):
            raise PermanentError(f"Prometheus refuses the query {form['query']!r}: {_said(answer)}")
        if code >= 500 or code == 429:
            raise TemporaryError(f"Prometheus answered {code} at {url}: {_said(answer)}")
        if code != 200:
            raise PermanentError(f"{url} answered {code}: check the address and the token")
        return answer


def _said(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])[:500]
    except (ValueError, KeyError, TypeError):
        return "(no explanation)"


def _points(answer: httpx.Response, expression: str) -> list[Point]:
    try:
        data: dict[str, Any] = answer.json()["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "vector":
            return [Point(series["metric"], float(series["value"][1])) for series in result]
        if kind == "scalar":
            return [Point({}, float(result[1]))]
    except (ValueError, KeyError, TypeError, IndexError):
        raise PermanentError(f"{answer.url} does not answer as Prometheus does") from None
    raise PermanentError(f"{expression!r} gives a {kind}; expected an instant vector (leave out the [range])")


def _matrix(answer: httpx.Response) -> list[Series]:
    try:
        data: dict[str, Any] = answer.json()["data"]
        return [(row["metric"], [(float(at), float(value)) for at, value in row["values"]]) for row in data["result"]]
    except (ValueError, KeyError, TypeError):
        raise PermanentError(f"{answer.url} does not answer as Prometheus does") from None
