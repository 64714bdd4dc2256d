"""Posts each message as JSON, signed when a secret is given; `Idempotency-Key` is the same on every attempt."""

from __future__ import annotations

import hashlib
import hmac
import json

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.secrets import Secret


class WebhookNotifier:
    class Options(DriverOptions):
        url: Secret | str = Field(description="where to post; {env: NAME} or {file: PATH} when the URL is a secret")
        secret: Secret | None = Field(default=None, description="signs the body: X-Pilotage-Signature: sha256=...")
        timeout: float = Field(default=5.0, gt=0, le=60, description="seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = httpx.AsyncClient(timeout=options.timeout)

    async def send(self, message: Message) -> None:
        url = self._options.url if isinstance(self._options.url, str) else self._options.url.reveal()
        facts = dict(message.facts)
        document = {"id": message.id, "rollout": message.rollout, "kind": message.kind, "facts": facts}
        body = json.dumps({**document, "title": message.title, "text": message.text}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if self._options.secret:
            digest = hmac.new(self._options.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
            headers["X-Pilotage-Signature"] = f"sha256={digest}"
        try:
            answer = await self._client.post(url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TemporaryError(f"the webhook does not answer ({type(error).__name__})") from None
        if 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
            raise PermanentError(f"the webhook refused the message (HTTP {answer.status_code})")
        if answer.status_code >= 300:
            raise TemporaryError(f"the webhook answered HTTP {answer.status_code}")

    async def probe(self) -> str:
        if isinstance(self._options.url, Secret):
            self._options.url.reveal()
        return "will post"

    async def close(self) -> None:
        await self._client.aclose()
