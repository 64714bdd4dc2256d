"""A server that speaks JSON over HTTP, called with or without a token: what its answers mean is the same for all."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import AfterValidator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import MOST_BYTES, Answer, again, check_clock, one_line, said, usable
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret
from pilotage.drivers.turns import to_the_end
from pilotage.drivers.unreached import unreached

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MOST_MOVES = 3
_JSON = "application/json; charset=utf-8"


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


class Tokens(Protocol):
    """Where tokens come from that do not last; `told` names it."""

    told: str

    async def get(self) -> str: ...

    def forget(self) -> bool:
        """The last one was refused. Whether the next one will be another."""
        ...


@dataclass(frozen=True, repr=False)
class _Sent:
    """`secrets` are what nobody may see in its answer."""

    headers: dict[str, str]
    content: bytes | None
    secrets: list[str]


class TooMuch(PermanentError):
    """More bytes came than an answer may have: who can ask for less may do that."""


class Service:
    """`name` is what errors call it, `option` the driver's option that holds its address.

    With a `scheme` the token goes into every call's Authorization header; `keys` are secrets that go bare into headers
    of their own, `headers` what else every call has, `tokens` give a bearer token in the place of `token`. With a
    `user` the token is its password (Basic). `ca_file` has authorities that are trusted instead of the usual ones.
    With `follow` calls are sent on within the same origin. `exact`: what it gives is secret itself and must not be
    altered, though a secret that was sent may stand in it. Never retries: who calls knows whether that can help.
    """

    def __init__(
        self,
        name: str,
        api: str,
        token: Secret | None,
        timeout_s: float,
        scheme: str = "",
        *,
        keys: Mapping[str, Secret] | None = None,
        headers: Mapping[str, str] | None = None,
        tokens: Tokens | None = None,
        follow: bool = False,
        option: str = "api",
        user: str = "",
        ca_file: str = "",
        exact: bool = False,
    ) -> None:
        self.name = name
        self._api = api.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        self._scheme = scheme
        self._keys = dict(keys or {})
        self._headers = dict(headers or {})
        self._tokens = tokens
        self._follow = follow
        self._option = option
        self._user = user
        self._exact = exact
        self._client = Client(timeout_s, ca_file)

    async def token(self) -> str:
        """Raises PermanentError, without the value, when it cannot be read or sent."""
        if self._token is None:
            raise PermanentError(f"{self.name} needs a token")
        return await usable(self._token)

    async def call(
        self,
        method: str,
        path: str,
        json_body: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Any answer that came within the time limit, also a refusal. After a TemporaryError a change may have been
        made nevertheless."""
        sent = await self._prepared(json_body, form, headers)
        return await self._send(method, path, params, sent, min(timeout_s or self._timeout_s, self._timeout_s))

    async def change(
        self,
        method: str,
        path: str,
        json_body: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `call`, of what a later call may have to take back: cancelled before it is sent, it is not sent; cancelled
        when it is on its way, it ends only with its answer or its time limit."""
        sent = await self._prepared(json_body, None, headers)
        return await to_the_end(self._send(method, path, params, sent, self._timeout_s))

    async def _prepared(
        self, json_body: Any, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> _Sent:
        """A token may come from afar."""
        sent, secrets = await self._given()
        if self._tokens is not None:
            secrets.append(await self._tokens.get())
            sent["Authorization"] = f"Bearer {secrets[-1]}"
        content: bytes | None = None
        if json_body is not None:
            sent["Content-Type"] = _JSON
            content = json.dumps(json_body, default=str).encode()
        elif form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            content = urlencode(form).encode()
        return _Sent(sent | dict(headers or {}), content, secrets)

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, sent: _Sent, timeout_s: float
    ) -> Answer:
        try:
            url = httpx.URL(self._api + path)
            url = url.copy_merge_params(dict(params)) if params else url
            async with asyncio.timeout(timeout_s):
                answer = await self._ask(method, url, sent)
        except TimeoutError:
            raise TemporaryError(f"{self.name} did not answer within {timeout_s:g} s") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise self.stranger("expected an http:// or https:// address") from None
        except httpx.HTTPError as error:
            raise self._unreached(error) from None
        if answer.status == 401 and self._tokens is not None and self._tokens.forget():
            raise TemporaryError(
                f"{self.name} refuses {self._tokens.told} (401), kept from before: the next try gets a new one"
            )
        return answer

    async def ask(
        self, method: str, path: str, what: str, json_body: Any = None, params: Mapping[str, str] | None = None
    ) -> Answer:
        """A successful answer's; raises what another means for `what`, and when a success holds no JSON."""
        answer = await self.call(method, path, json_body, params)
        self.refuse(answer, what)
        if answer.body is None and answer.status != 204:
            raise self.stranger("its answer is not JSON")
        return answer

    def refuse(self, answer: Answer, what: str) -> None:
        """Raises what a status other than success means; `what` names the thing asked for."""
        status = answer.status
        if status < 300:
            return
        how = self.how()
        if answer.limited:
            hint = "" if self._secrets or self._tokens else ". With a token the limit is higher"
            text = f"{self.name} limits how often it may be asked ({status}){again(answer)}{hint}"
            raise TemporaryError(text, answer.after_s)
        if status == 401:
            raise PermanentError(f"{self.name} refuses {how} (401): is it right, and still valid?")
        if status == 403:
            raise PermanentError(f"{self.name} refuses access to {what}, {how} (403): {said(answer)}")
        if status == 404:
            hint = f"may {how} see it?" if self._secrets or self._tokens else "a private one needs a token"
            raise PermanentError(f"{self.name} has no {what}, or does not show it (404): {hint}")
        if status < 400:
            place = f"is `{self._option}` right? The token is not sent there"
            raise PermanentError(f"{self.name} sends elsewhere ({status}): {place}")
        text = f"{self.name} answered {status} for {what}: {said(answer)}"
        if status in (408, 425) or status >= 500:
            raise TemporaryError(text + again(answer), answer.after_s)
        raise PermanentError(text)

    def stranger(self, why: str) -> PermanentError:
        """For an answer, or an address, that cannot be this service's."""
        shown = one_line(self._api, 100)
        return PermanentError(f"{shown} does not answer as {self.name} does: {why}. Is `{self._option}` right?")

    def check_clock(self, answer: Answer) -> None:
        """Raises PermanentError when this machine's clock and the server's are too far apart."""
        check_clock(answer, self.name)

    @property
    def _secrets(self) -> list[Secret]:
        return [self._token, *self._keys.values()] if self._token else list(self._keys.values())

    def how(self) -> str:
        """What it knows us by, for errors."""
        if self._tokens is not None:
            return self._tokens.told
        names = [one.told for one in self._secrets]
        word = "password" if self._user else "token"
        word = word if len(names) == 1 else "keys"
        return f"the {word} in {' and '.join(names)}" if names else "without a token"

    async def _given(self) -> tuple[dict[str, str], list[str]]:
        """Every call's headers, and the secrets that nobody may see in an answer."""
        sent = {"Accept": "application/json", "User-Agent": "pilotage"} | self._headers
        found = {name: await usable(secret) for name, secret in self._keys.items()}
        secrets = list(found.values())
        if self._token is not None:
            secrets.append(await self.token())
            if self._user:
                pair = base64.b64encode(f"{self._user}:{secrets[-1]}".encode()).decode()
                found["Authorization"] = f"Basic {pair}"
                secrets.append(pair)
            elif self._scheme:
                found["Authorization"] = f"{self._scheme} {secrets[-1]}"
        return sent | found, secrets

    async def _ask(self, method: str, url: httpx.URL, sent: _Sent) -> Answer:
        origin = (url.scheme, url.host, url.port)
        # After the others a POST would go on as a GET.
        moves = (301, 302, 307, 308) if method == "GET" else (307, 308)
        for _ in range(_MOST_MOVES + 1):
            async with self._client.stream(method, str(url), headers=sent.headers, content=sent.content) as answer:
                if self._follow and answer.status_code in moves and "location" in answer.headers:
                    url = url.join(answer.headers["location"])
                    if (url.scheme, url.host, url.port) != origin:
                        host = one_line(url.host, 100)
                        raise PermanentError(f"{self.name} sends elsewhere, to {host}: the token is not sent there")
                    continue
                text = (await self._read(answer)).decode(errors="replace")
            given = {name.lower(): value for name, value in answer.headers.items()}
            # A service may repeat what it was sent: secrets are taken out before anybody can show them.
            for secret in sent.secrets if not (self._exact and answer.status_code < 300) else ():
                text = text.replace(secret, "(hidden)")
            return Answer(answer.status_code, given, decode(text), text)
        raise PermanentError(f"{self.name} sends from one address to the next, more than {_MOST_MOVES} times")

    async def _read(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise TooMuch(str(self.stranger(f"more than {MOST_BYTES // 2**20} MiB came")))
        return bytes(body)

    def _unreached(self, error: httpx.HTTPError) -> PermanentError | TemporaryError:
        return unreached(error, self.name, self._api, self._option)


def decode(text: str) -> Any:
    """The JSON in it, None when there is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
