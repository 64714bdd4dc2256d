"""HTTP clients for drivers. They share one TLS context: loading the certificates anew costs each rollout milliseconds
and memory, and a thousand rollouts have thousands of clients."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def client(timeout_s: float) -> httpx.AsyncClient:
    """A client that never retries; `timeout_s` bounds connecting, sending and reading each."""
    return httpx.AsyncClient(timeout=timeout_s, verify=_tls())
