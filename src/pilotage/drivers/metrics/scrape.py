"""Direct scrape: reads `/metrics` pages in Prometheus' text format, no server between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.exposition import Selector, parse_selector, points
from pilotage.drivers.secrets import Secret

PAGE_LIMIT = 32 * 1024 * 1024


class ScrapeMetrics:
    class Options(DriverOptions):
        urls: list[str] = Field(min_length=1, description="pages whose series are taken together")
        token: Secret | None = Field(default=None, description="sent as a bearer token")
        timeout: float = Field(default=4.0, gt=0, le=60, description="seconds")

        @field_validator("urls")
        @classmethod
        def _http(cls, value: list[str]) -> list[str]:
            for url in value:
                if not url.startswith(("http://", "https://")):
                    raise ValueError("each must begin with http:// or https://")
            return value

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = httpx.AsyncClient(timeout=options.timeout)
        self._selectors: dict[str, Selector] = {}

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        compiled = [self._compile(selector) for selector in selectors]
        pages = await asyncio.gather(*[self._page(url) for url in self._options.urls])
        tables = [points(page, compiled) for page in pages]
        return [[point for table in tables for point in table[index]] for index in range(len(compiled))]

    async def probe(self) -> str:
        pages = await asyncio.gather(*[self._page(url) for url in self._options.urls])
        return f"{sum(page.count(chr(10)) for page in pages)} lines of metrics"

    async def close(self) -> None:
        await self._client.aclose()

    def _compile(self, selector: str) -> Selector:
        if selector not in self._selectors:
            try:
                self._selectors[selector] = parse_selector(selector)
            except ValueError as error:
                raise PermanentError(f"the selector {selector!r} is not understood: {error}") from None
        return self._selectors[selector]

    async def _page(self, url: str) -> str:
        headers = {"Authorization": f"Bearer {self._options.token.reveal()}"} if self._options.token else {}
        try:
            answer = await self._client.get(url, headers=headers)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise TemporaryError(f"cannot read {url}: {reason}. Try: curl '{url}'") from None
        if answer.status_code in (401, 403):
            raise PermanentError(f"{url} refuses the credentials (HTTP {answer.status_code})")
        if answer.status_code != 200:
            raise TemporaryError(f"{url} answered HTTP {answer.status_code}. Try: curl '{url}'")
        if len(answer.content) > PAGE_LIMIT:
            raise PermanentError(f"{url} is larger than {PAGE_LIMIT} bytes")
        return answer.text
