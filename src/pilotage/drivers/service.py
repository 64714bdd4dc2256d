"""A web service that a team uses, called with a token and JSON: what its answers mean is the same for all of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import MOST_BYTES, one_line, usable
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _api(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and parts.port != 0 and url.isprintable() and " " not in url and "@" not in url
    except ValueError:
        good = False
    if not good or (parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK)):
        raise ValueError("an address that begins with https:// (http:// on this machine only), without a password")
    return url.rstrip("/")


Api = Annotated[str, AfterValidator(_api)]
"""Where a service's API is. A secret goes there: unencrypted to this machine only."""


@dataclass(frozen=True)
class Answer:
    """`status`, headers with their names in lower case, the decoded JSON (None when there is none)."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def get(self, name: str) -> Any:
        """A field of the body, None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None


class Service:
    """`name` is what errors call it. With a `scheme` the token goes into every call's Authorization header."""

    def __init__(self, name: str, api: str, token: Secret, timeout_s: float, scheme: str = "") -> None:
        self._name = name
        self._api = api
        self._token = token
        self._timeout_s = timeout_s
        self._scheme = scheme
        self._client = Client(timeout_s)

    def token(self) -> str:
        """Raises PermanentError, without the value, when it cannot be read or sent."""
        return usable(self._token)

    async def call(
        self, method: str, path: str, json_body: Any = None, params: Mapping[str, str] | None = None
    ) -> Answer:
        """Any answer that came within the time limit, also a refusal. Redirects are not followed."""
        token = self.token()
        headers = {"Accept": "application/json", "User-Agent": "pilotage"}
        if self._scheme:
            headers["Authorization"] = f"{self._scheme} {token}"
        options: dict[str, Any] = {"headers": headers, "params": params}
        if json_body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            options["content"] = json.dumps(json_body, default=str).encode()
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(method, self._api + path, **options) as answer:
                    body = await self._read(answer)
        except TimeoutError:
            raise TemporaryError(f"{self._name} did not answer within {self._timeout_s:g} s") from None
        except httpx.HTTPError as error:
            raise TemporaryError(f"{self._name} does not answer ({type(error).__name__})") from None
        given = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, given, _decode(body, token))

    def refuse(self, answer: Answer, what: str) -> None:
        """Raises what a status other than success means; `what` names the thing asked for."""
        status = answer.status
        if status < 300:
            return
        how = f"the token in {self._token.env or self._token.file}"
        if status in (420, 429):
            raise TemporaryError(f"{self._name} limits how often it may be called ({status}){again(answer)}")
        if status == 401:
            raise PermanentError(f"{self._name} refuses {how} (401): is it right, and still valid?")
        if status == 403:
            raise PermanentError(f"{self._name} refuses access to {what} with {how} (403): {_said(answer)}")
        if status == 404:
            raise PermanentError(f"{self._name} has no {what}, or does not show it to {how} (404)")
        if status < 400:
            raise PermanentError(
                f"{self._name} sends elsewhere ({status}): is `api` right? The token is not sent there"
            )
        said = f"{self._name} answered {status} for {what}: {_said(answer)}"
        if status in (408, 425) or status >= 500:
            raise TemporaryError(said + again(answer))
        raise PermanentError(said)

    async def _read(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise PermanentError(f"{self._name} answers with more than {MOST_BYTES // 2**20} MiB: is `api` right?")
        return bytes(body)


def again(answer: Answer) -> str:
    """When the service wants to be asked again, as a clause for an error."""
    after = answer.headers.get("retry-after", "")
    return f"; it may be called again after {after} s" if after.isascii() and after.isdigit() and len(after) < 7 else ""


def _decode(body: bytes, token: str) -> Any:
    """A service may repeat what it was sent: the token is taken out before anybody can show it."""
    try:
        return json.loads(body.decode(errors="replace").replace(token, "(hidden)"))
    except (ValueError, RecursionError):
        return None


def _said(answer: Answer) -> str:
    """The service's own words, if it has any: one short line."""
    words = [answer.get("message"), answer.get("error"), answer.get("errors")]
    flat = [str(one) for word in words for one in (word if isinstance(word, list) else [word]) if one]
    return one_line("; ".join(flat), 200) or "(no explanation)"
