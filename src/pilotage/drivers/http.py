"""HTTP for drivers. All drivers of a process share one pool of connections: a client of its own for each of a
thousand rollouts costs a TLS context, buffers and idle connections a thousand times."""

from __future__ import annotations

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from weakref import WeakKeyDictionary

import httpx

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
_LIMITS = httpx.Limits(max_connections=1000, max_keepalive_connections=50, keepalive_expiry=30)


class Client:
    """Requests with one driver's time limit, which bounds connecting, sending and reading each. Never retries, keeps
    no cookies. It has nothing of its own to close."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout = httpx.Timeout(timeout_s)

    async def get(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await _pool().get(url, timeout=self._timeout, **options)

    async def post(self, url: httpx.URL | str, **options: Any) -> httpx.Response:
        return await _pool().post(url, timeout=self._timeout, **options)

    def stream(self, method: str, url: str, **options: Any) -> Any:
        """As httpx's: ``async with client.stream(...) as answer``."""
        return _pool().stream(method, url, timeout=self._timeout, **options)


def _pool() -> httpx.AsyncClient:
    loop = asyncio.get_running_loop()
    if loop not in _pools:
        no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        _pools[loop] = httpx.AsyncClient(limits=_LIMITS, cookies=no_cookies)
    return _pools[loop]
