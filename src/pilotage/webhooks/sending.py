"""One message to one webhook: a single POST, and what its answer means.

Whoever may write the settings names the address, so it is trusted, addresses within the own network too. What is not
trusted is the answer: it is bounded, a redirect is never followed, and nothing of it is carried out.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from contextlib import suppress
from typing import Any

import httpx

import pilotage
from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers.address import check_address, check_encrypted
from pilotage.drivers.answers import Answer, again, one_line
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import hide
from pilotage.drivers.unreached import unreached
from pilotage.settings.hooks import Webhook
from pilotage.webhooks.payload import instant
from pilotage.webhooks.signing import headers, key_of

WITHIN_S = 20.0
MOST_READ = 2000
"""Bytes of an answer that says no; of one that says yes nothing is read."""


class Gone(PermanentError):
    """It answered 410: it wants nothing any more."""


async def post(webhook: Webhook, message: str, body: bytes, at: float, within_s: float = WITHIN_S) -> int:
    """The status, 2xx. Raises TemporaryError or PermanentError for anything else, a line without secrets."""
    url, key = await _revealed(webhook)
    sent = headers(key, message, at, body)
    sent |= {"Content-Type": "application/json", "User-Agent": f"pilotage/{pilotage.__version__}"}
    who = f"{webhook.name} at {url.host}"
    try:
        async with (
            asyncio.timeout(within_s),
            Client(within_s).stream("POST", str(url), content=body, headers=sent, follow_redirects=False) as answer,
        ):
            if answer.is_success:
                return int(answer.status_code)
            said = await _said(answer, webhook)
            raise _refused(answer, who, said)
    except TimeoutError:
        raise TemporaryError(f"{who} did not answer within {within_s:g} s") from None
    except httpx.HTTPError as error:
        raise unreached(error, who, f"{url.scheme}://{url.host}", "url") from None
    except httpx.InvalidURL:
        raise PermanentError(f"the url of {webhook.name} is no address") from None


async def ping(webhook: Webhook, within_s: float = WITHIN_S) -> dict[str, Any]:
    """Sends one message of the type ``ping``; raises as `post` does."""
    at = time.time()
    told = {"type": "ping", "timestamp": instant(at), "data": {"webhook": webhook.name}}
    message = f"ping_{secrets.token_hex(16)}"
    status = await post(webhook, message, json.dumps(told).encode(), at, within_s)
    return {"name": webhook.name, "status": status, "took_s": round(time.time() - at, 3), "id": message}


async def where(webhook: Webhook) -> str:
    """Its host: the path of a webhook's address is often its password."""
    try:
        return (await _address(webhook)).host
    except DriverError:
        return ""


async def _address(webhook: Webhook) -> httpx.URL:
    given = webhook.url if isinstance(webhook.url, str) else await webhook.url.reveal()
    try:
        check_encrypted(check_address(given), True)
        return httpx.URL(given)
    except (ValueError, httpx.InvalidURL):
        raise PermanentError(
            f"the url of {webhook.name} is not an https:// address (http:// on this machine only)"
        ) from None


async def _revealed(webhook: Webhook) -> tuple[httpx.URL, bytes]:
    return await _address(webhook), key_of(await webhook.secret.reveal())


async def _said(answer: httpx.Response, webhook: Webhook) -> str:
    read = b""
    with suppress(httpx.HTTPError, TimeoutError):
        async for piece in answer.aiter_bytes(MOST_READ):
            read += piece
            if len(read) >= MOST_READ:
                break
    options = webhook.model_dump(mode="json", exclude_none=True)
    return one_line(hide(read[:MOST_READ].decode(errors="replace"), [options]), 150)


def _refused(answer: httpx.Response, who: str, said: str) -> DriverError:
    code = answer.status_code
    told = Answer(code, {name.lower(): one for name, one in answer.headers.items()}, None)
    words = f": {said}" if said else ""
    if code == 410:
        return Gone(f"{who} wants nothing any more (410). Take it out of the settings' webhooks{words}")
    if 300 <= code < 400:
        return PermanentError(f"{who} sends elsewhere ({code}), and nothing is sent there: is its url right?")
    return TemporaryError(f"{who} answered {code}{again(told)}{words}", told.after_s)
