"""Numbers from whatever answers JSON over HTTP; a selector is an address below `url` and a pointer into its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.address import Address, check_encrypted
from pilotage.drivers.answers import Answer, one_line
from pilotage.drivers.metrics import pointing
from pilotage.drivers.metrics.sharing import Sharing
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

_HELP = "expected an address below `url` and a pointer, such as /stats?version=v2#/requests/total, or the pointer alone"


class JsonMetrics:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        url: Address = Field(description="the address that answers, or that all of them begin with")
        method: Literal["GET", "POST"] = Field(default="GET", description="how it is asked")
        body: dict[str, Any] | list[Any] | None = Field(
            default=None, description="the JSON that is sent, the same for all selectors; only with POST"
        )
        headers: dict[str, str] = Field(default_factory=dict, description="headers that are no secrets")
        token: Secret | None = Field(default=None, description="a bearer token, when one is asked for")
        secret_headers: dict[str, Secret] = Field(
            default_factory=dict, description="names of headers with secret references, such as X-Api-Key"
        )
        probe: str = Field(default="", description="what a probe asks for below `url`, where `url` alone is none")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each whole answer")

        @field_validator("headers", "secret_headers")
        @classmethod
        def _have_names(cls, headers: dict[str, Any]) -> dict[str, Any]:
            for name, value in headers.items():
                if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
                    raise ValueError("names of headers, such as X-Tenant")
                if isinstance(value, str) and not (value.isascii() and value.isprintable()):
                    raise ValueError("headers of one line of printable ASCII")
            return headers

        @field_validator("probe")
        @classmethod
        def _is_below(cls, probe: str) -> str:
            return _below(probe)

        @model_validator(mode="after")
        def _fits(self) -> JsonMetrics.Options:
            if self.body is not None and self.method != "POST":
                raise ValueError("method: POST, where there is a body")
            check_encrypted(self.url, self.token or self.secret_headers)
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._service = Service(
            f"the JSON source {one_line(urlsplit(options.url).netloc, 100)}",
            options.url,
            options.token,
            options.timeout_s,
            "Bearer",
            keys=options.secret_headers,
            headers=options.headers,
            option="url",
        )
        self._answers: Sharing[Answer] = Sharing()

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One answer missing fails the whole read: numbers of different moments are not compared."""
        parsed = [_parsed(one) for one in selectors]
        paths = list(dict.fromkeys(path for path, _ in parsed))
        answers = await asyncio.gather(*(self._answers.get(path, partial(self._ask, path)) for path in paths))
        bodies = {path: answer.body for path, answer in zip(paths, answers, strict=True)}
        found = []
        for path, pointer in parsed:
            try:
                found.append(pointing.points(bodies[path], pointer))
            except pointing.Misfit as misfit:
                place = f"{one_line(path, 100) or 'its answer'}: it {misfit}"
                raise PermanentError(f"{self._service.name} has no number at {pointer!r} in {place}") from None
        return found

    async def probe(self) -> str:
        answer = await self._ask(self._options.probe)
        return f"{self._service.name} answers JSON, {len(answer.text) / 1024:.1f} KiB"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, path: str) -> Answer:
        what = one_line(path, 100) or "document at its address"
        return await self._service.ask(self._options.method, path, what, self._options.body)


def _parsed(selector: str) -> tuple[str, str]:
    """The address below the option's, and the pointer. Raises PermanentError."""
    path, mark, fragment = selector.partition("#")
    pointer = unquote(fragment) if mark else path
    try:
        pointing.steps(pointer)
        return _below(path if mark else ""), pointer
    except ValueError as error:
        raise PermanentError(f"bad selector {one_line(selector, 200)!r}: {_HELP} ({error})") from None


def _below(path: str) -> str:
    """Raises ValueError (a noun phrase): a secret goes there, so it must not lead elsewhere."""
    if path and (path[0] not in "/?" or "#" in path or not path.isprintable() or not path.isascii() or " " in path):
        raise ValueError("an address below `url`, beginning with / or ?, with %20 for a space")
    return path
