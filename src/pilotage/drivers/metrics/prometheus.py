"""Instant queries to Prometheus, or anything with its HTTP API (VictoriaMetrics, Mimir, Thanos)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.http import client
from pilotage.drivers.secrets import Secret


class PrometheusMetrics:
    class Options(DriverOptions):
        url: str
        token: Secret | None = None
        timeout_s: float = Field(default=10.0, gt=0)

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._url = options.url.rstrip("/") + "/api/v1/query"
        self._client = client(options.timeout_s)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """Each selector is a PromQL expression giving an instant vector or a scalar."""
        return list(await asyncio.gather(*(self._query(one) for one in selectors)))

    async def probe(self) -> str:
        await self._query("vector(1)")
        return f"Prometheus at {self._options.url} answers queries"

    async def close(self) -> None:
        await self._client.aclose()

    async def _query(self, expression: str) -> list[Point]:
        headers = {"Authorization": f"Bearer {self._options.token.reveal()}"} if self._options.token else {}
        try:
            answer = await self._client.post(self._url, data={"query": expression}, headers=headers)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise PermanentError(f"expected an http:// or https:// address, got {self._options.url!r}") from None
        except httpx.HTTPError as error:
            kind = type(error).__name__
            raise TemporaryError(
                f"Prometheus does not answer ({kind}). Try: curl '{self._url}?query=vector(1)'"
            ) from None
        code = answer.status_code
        if code in (400, 422):
            raise PermanentError(f"Prometheus refuses the query {expression!r}: {_said(answer)}")
        if code >= 500 or code == 429:
            raise TemporaryError(f"Prometheus answered {code} at {self._url}: {_said(answer)}")
        if code != 200:
            raise PermanentError(f"{self._url} answered {code}: check the address and the token")
        return _points(answer, expression)


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
