"""Counters straight from the services' (or the proxy's) own /metrics pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Language, Point
from pilotage.drivers.answers import Answer, again, usable
from pilotage.drivers.http import Client
from pilotage.drivers.metrics.exposition import count_series, parse_selector, select
from pilotage.drivers.secrets import Secret
from pilotage.drivers.unreached import unreached

BODY_LIMIT = 32 * 1024 * 1024


class ScrapeMetrics:
    language: ClassVar[Language] = "page"

    class Options(DriverOptions):
        urls: list[str] = Field(
            min_length=1, description="every instance's page, in Prometheus' text format; never through a load balancer"
        )
        token: Secret | None = Field(default=None, description="a bearer token, when the pages ask for one")
        timeout_s: float = Field(default=5.0, gt=0, description="seconds for connecting, sending and reading each")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = Client(options.timeout_s)
        self._fetching: dict[str, asyncio.Task[str]] = {}

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One page missing fails the whole read: a sum without it would look like counters going backwards."""
        try:
            parsed = [parse_selector(one) for one in selectors]
        except ValueError as error:
            raise PermanentError(f"bad selector: {error}") from None
        pages = await asyncio.gather(*(self._page(url) for url in self._options.urls))
        found: list[list[Point]] = [[] for _ in parsed]
        for url, page in zip(self._options.urls, pages, strict=True):
            try:
                answers = select(page, parsed)
            except ValueError:
                raise _no_page(url) from None
            if not any(answers) and page.strip() and not count_series(page):
                raise _no_page(url)  # not missing data: a login page, or another server
            instance = httpx.URL(url).netloc.decode()
            for all_points, points in zip(found, answers, strict=True):
                all_points += [Point({"instance": instance, **point.labels}, point.value) for point in points]
        return found

    async def probe(self) -> str:
        pages = await asyncio.gather(*(self._fetch(url) for url in self._options.urls))
        return f"{len(pages)} metrics page(s), {sum(map(len, pages)) / 1024:.0f} KiB"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _page(self, url: str) -> str:
        """One fetch for all who ask at the same time: requests and guards are read side by side."""
        fetching = self._fetching.get(url)
        if fetching is None or fetching.done():
            fetching = self._fetching[url] = asyncio.create_task(self._fetch(url))
        return await asyncio.shield(fetching)

    async def _fetch(self, url: str) -> str:
        headers = {"Authorization": f"Bearer {await usable(self._options.token)}"} if self._options.token else {}
        body = bytearray()
        try:
            async with self._client.stream("GET", url, headers=headers) as answer:
                if answer.status_code in (401, 403):
                    raise PermanentError(f"{url} refuses access ({answer.status_code}); check the token")
                if answer.status_code != 200:
                    said = Answer(answer.status_code, {name.lower(): one for name, one in answer.headers.items()}, None)
                    passes = said.limited or said.status in (408, 425) or said.status >= 500
                    text = f"{url} answered {said.status}{again(said)}. Try: curl -i '{url}'"
                    raise TemporaryError(text, said.after_s) if passes else PermanentError(text)
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > BODY_LIMIT:
                        raise PermanentError(f"{url} sends more than {BODY_LIMIT // 2**20} MiB; scrape less")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise PermanentError(f"expected an http:// or https:// address, got {url!r}") from None
        except httpx.HTTPError as error:
            raise unreached(error, url, url, "urls") from None
        return body.decode("utf-8", "replace")


def _no_page(url: str) -> PermanentError:
    return PermanentError(f"{url} is not in Prometheus' text format. Try: curl '{url}'")
