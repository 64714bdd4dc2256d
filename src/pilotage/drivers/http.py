"""HTTP for drivers. All drivers of a process share one pool of connections: a client of its own for each of a
thousand rollouts costs a TLS context, buffers and idle connections a thousand times."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from pilotage import tracing
from pilotage.core.errors import PermanentError
from pilotage.tracing.outgoing import asked

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, httpx.AsyncClient]] = WeakKeyDictionary()
"""By the file of certificates that is trusted besides; empty for the usual ones alone."""
_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=50, keepalive_expiry=30)


class Client:
    """Requests with one driver's time limit, which bounds connecting, sending and reading each. Never retries, keeps
    no cookies. It has nothing of its own to close. `ca_file` is trusted instead of the usual authorities."""

    def __init__(self, timeout_s: float, ca_file: str = "") -> None:
        self._timeout = httpx.Timeout(timeout_s)
        self._ca_file = ca_file

    async def get(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await self._ask("GET", url, options)

    async def post(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await self._ask("POST", url, options)

    async def _ask(self, method: str, url: httpx.URL | str, options: dict[str, Any]) -> httpx.Response:
        with asked(method, str(url)) as outgoing:
            options = outgoing.marked(options)
            answer = await _pool(self._ca_file).request(method, url, timeout=self._timeout, **options)
            outgoing.answered(answer.status_code)
            return answer

    def stream(self, method: str, url: str, **options: Any) -> Any:
        """As httpx's: ``async with client.stream(...) as answer``."""
        if not tracing.is_on():
            return _pool(self._ca_file).stream(method, url, timeout=self._timeout, **options)
        return self._stream(method, url, options)

    @asynccontextmanager
    async def _stream(self, method: str, url: str, options: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        with asked(method, url) as outgoing:
            options = outgoing.marked(options)
            async with _pool(self._ca_file).stream(method, url, timeout=self._timeout, **options) as answer:
                outgoing.answered(answer.status_code)
                yield answer


def _pool(ca_file: str) -> httpx.AsyncClient:
    pools = _pools.setdefault(asyncio.get_running_loop(), {})
    key = _version(ca_file)
    if key not in pools:
        no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        pools[key] = httpx.AsyncClient(limits=_LIMITS, cookies=no_cookies, verify=_trusting(ca_file))
    return pools[key]


def _version(ca_file: str) -> str:
    """Certificates are renewed while we run."""
    with suppress(OSError):
        return f"{ca_file} {os.stat(ca_file).st_mtime_ns}" if ca_file else ""
    return ca_file


def _trusting(ca_file: str) -> ssl.SSLContext | bool:
    """Raises PermanentError when the file cannot be read, or holds no certificate."""
    if not ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        why = "no certificates in it" if isinstance(error, ssl.SSLError) else error.strerror or "it cannot be read"
        raise PermanentError(
            f"the certificates in {ca_file} cannot be used: {why} (where the coordinator runs)"
        ) from None
