"""Whether addresses answer: the dashboard, the health page, the status page."""

from __future__ import annotations

import asyncio

import httpx
from pydantic import ConfigDict, Field, field_validator, model_validator

from pilotage.core.errors import PermanentError
from pilotage.core.redact import redact
from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.address import Address
from pilotage.drivers.answers import usable
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret

_MOST_BYTES = 1024 * 1024


class HttpCheck:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        url: Address | None = Field(default=None, description="one address that must answer; either this or `urls`")
        urls: list[Address] = Field(
            default_factory=list, max_length=20, description="up to 20 addresses that must all answer"
        )
        status: int = Field(default=200, ge=100, le=599, description="the status expected; redirects are not followed")
        contains: str | None = Field(
            default=None,
            min_length=1,
            description="text that must be within the body's first MiB; without it any body will do",
        )
        headers: dict[str, Secret] = Field(
            default_factory=dict, description="names with secret references, sent with each request"
        )
        timeout_s: float = Field(default=10.0, gt=0, le=120, description="seconds for each whole answer")

        @field_validator("headers")
        @classmethod
        def _have_names(cls, headers: dict[str, Secret]) -> dict[str, Secret]:
            for name in headers:
                if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
                    raise ValueError("names of headers, such as Authorization")
            return headers

        @model_validator(mode="after")
        def _has_one(self) -> HttpCheck.Options:
            if (self.url is None) == (not self.urls):
                raise ValueError("either url, or several urls")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._urls = options.urls or [options.url or ""]
        self._client = Client(options.timeout_s)

    async def probe(self) -> str:
        """That an address does not answer is `look`'s to say: it may be what the item waits for."""
        for secret in self._options.headers.values():
            await usable(secret)
        return f"{_shown(self._urls[0])} can be asked" + (f", {len(self._urls) - 1} more" if self._urls[1:] else "")

    async def look(self) -> Evidence:
        headers = {name: await usable(secret) for name, secret in self._options.headers.items()}
        found = await asyncio.gather(*(self._ask(url, headers) for url in self._urls))
        failed = [one.text for one in found if not one.holds]
        if failed:
            return Evidence(False, "; ".join(failed))
        return Evidence(True, "; ".join(one.text for one in found))

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, url: str, headers: dict[str, str]) -> Evidence:
        options, shown, loop = self._options, _shown(url), asyncio.get_running_loop()
        begin = loop.time()
        try:
            async with asyncio.timeout(options.timeout_s), self._client.stream("GET", url, headers=headers) as answer:
                body = await _beginning(answer) if options.contains is not None else b""
                status = answer.status_code
        except TimeoutError:
            return Evidence(False, f"{shown} did not answer within {options.timeout_s:g} s")
        except httpx.InvalidURL:
            raise PermanentError(f"expected an http:// or https:// address, got {shown}") from None
        except httpx.HTTPError as error:
            return Evidence(False, f"{shown} does not answer ({type(error).__name__})")
        took = f"in {(loop.time() - begin) * 1000:.0f} ms"
        if status != options.status:
            return Evidence(False, f"{shown} answered {status} {took}, expected {options.status}")
        if options.contains is not None and options.contains.encode() not in body:
            return Evidence(False, f"{shown} answered {status} {took}, without {redact(options.contains)[:80]!r}")
        return Evidence(True, f"{shown} answered {status} {took}")


async def _beginning(answer: httpx.Response) -> bytes:
    """The first MiB."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) >= _MOST_BYTES:
            break
    return bytes(body[:_MOST_BYTES])


def _shown(url: str) -> str:
    """Without the query, which may hold a token."""
    return redact(url.split("?")[0].split("#")[0])[:200]
