"""Announcements as JSON to an address of the team's own, signed when a secret is given."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import asdict

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.answers import Answer, again
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret
from pilotage.drivers.unreached import unreached


class WebhookNotifier:
    class Options(DriverOptions):
        """Signed it has ``X-Pilotage-Signature: sha256=<HMAC-SHA256 in hex of "timestamp.body">``.

        The timestamp (Unix seconds, of this attempt) is in ``X-Pilotage-Timestamp``: refuse what is older than a few
        minutes, and nobody can play an old message again.
        """

        url: str | Secret = Field(description="the address, or a secret reference to it; redirects are not followed")
        secret: Secret | None = Field(default=None, description="signs time and body; without it nothing is signed")
        timeout_s: float = Field(default=10.0, gt=0, description="seconds for connecting, sending and reading each")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = Client(options.timeout_s)

    async def send(self, message: Message) -> None:
        body = json.dumps(asdict(message), ensure_ascii=False, default=str).encode(errors="replace")
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if self._options.secret is not None:
            key = (await self._options.secret.reveal()).encode()
            sent_at = str(int(time.time()))
            digest = hmac.new(key, f"{sent_at}.".encode() + body, hashlib.sha256)
            headers |= {"X-Pilotage-Timestamp": sent_at, "X-Pilotage-Signature": f"sha256={digest.hexdigest()}"}
        url = await self._address()
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise unreached(error, f"the webhook at {url.host}", f"{url.scheme}://{url.host}", "url") from None
        code = answer.status_code
        if code >= 500 or code in (408, 429):
            said = Answer(code, {name.lower(): one for name, one in answer.headers.items()}, None)
            raise TemporaryError(f"the webhook at {url.host} answered {code}{again(said)}", said.after_s)
        if code >= 300:
            raise PermanentError(f"the webhook at {url.host} refused the message with {code}")

    async def probe(self) -> str:
        """Only what can be checked without sending: the address and that the secrets can be read."""
        if self._options.secret is not None:
            await self._options.secret.reveal()
        return f"webhook at {(await self._address()).host} (not called)"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _address(self) -> httpx.URL:
        """Errors name the host at most: the path of a webhook's address is often its password."""
        given = self._options.url
        try:
            url = httpx.URL(given if isinstance(given, str) else await given.reveal())
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise PermanentError("the webhook's url is not an http:// or https:// address")
        return url
