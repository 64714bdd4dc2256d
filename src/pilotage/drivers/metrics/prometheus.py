"""A Prometheus server (or anything that speaks its query API): each selector is one instant query in PromQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.secrets import Secret


class PrometheusMetrics:
    class Options(DriverOptions):
        url: str = Field(pattern=r"^https?://", description="the server, e.g. http://prometheus:9090")
        token: Secret | None = Field(default=None, description="sent as a bearer token")
        timeout: float = Field(default=4.0, gt=0, le=60, description="seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = httpx.AsyncClient(timeout=options.timeout)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        return list(await asyncio.gather(*[self._query(selector) for selector in selectors]))

    async def probe(self) -> str:
        await self._query("vector(1)")
        return "answers queries"

    async def close(self) -> None:
        await self._client.aclose()

    async def _query(self, promql: str) -> list[Point]:
        url = f"{self._options.url.rstrip('/')}/api/v1/query"
        headers = {"Authorization": f"Bearer {self._options.token.reveal()}"} if self._options.token else {}
        try:
            answer = await self._client.post(url, data={"query": promql}, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise TemporaryError(f"cannot query {url}: {reason}. Try: curl '{url}?query=up'") from None
        if answer.status_code in (401, 403):
            raise PermanentError(f"{url} refuses the credentials (HTTP {answer.status_code})")
        try:
            body = answer.json()
        except ValueError:
            raise TemporaryError(f"{url} answered HTTP {answer.status_code}, and not JSON") from None
        if answer.status_code in (400, 422):
            raise PermanentError(f"Prometheus does not take the query {promql!r}: {body.get('error', '')}")
        if answer.status_code != 200 or body.get("status") != "success":
            raise TemporaryError(f"{url} answered HTTP {answer.status_code}: {body.get('error', '')}")
        data = body["data"]
        if data["resultType"] == "scalar":
            return [Point({}, float(data["result"][1]))]
        if data["resultType"] != "vector":
            raise PermanentError(f"the query {promql!r} gives a {data['resultType']}; an instant vector is needed")
        return [Point(dict(one["metric"]), float(one["value"][1])) for one in data["result"]]
