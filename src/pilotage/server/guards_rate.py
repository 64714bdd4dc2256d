"""How often somebody may ask: a bucket for each caller, and one for each address of those who are nobody yet.

Going back has a bucket of its own: whoever is known may always hold and roll back, whatever else they have asked.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pilotage.core.errors import TooMany
from pilotage.server.refusals import MCP, refusal
from pilotage.settings.limits import RateLimits

if TYPE_CHECKING:
    from pilotage.server.access import Access

URGENT = ("/rollback", "/hold", "/pause", "/commands")
"""How the paths of what goes back end; the last is that of the page's buttons."""
URGENT_PER_MINUTE = 600
MOST = 10_000
"""Buckets that are kept; the longest unused goes first, and is full when it comes again."""


@dataclass
class Buckets:
    now: Callable[[], float] = time.monotonic
    _kept: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, who: str, per_minute: int) -> float:
        """0 when there was one to take, else how many seconds until there is."""
        now, rate = self.now(), per_minute / 60
        left, at = self._kept.pop(who, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * rate)
        wait = 0.0 if left >= 1 else (1 - left) / rate
        self._kept[who] = (left if wait else left - 1, now)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return wait


@dataclass
class Limits:
    buckets: Buckets = field(default_factory=Buckets)

    def known(self, who: str, method: str, path: str, limits: RateLimits) -> None:
        """Raises TooMany. What an agent asks at /mcp is counted where it arrives in the API, and a flood of it here."""
        if path == MCP:
            self._take(f"mcp {who}", URGENT_PER_MINUTE, f"{who} asks more often than")
            return
        urgent = method == "POST" and path.rstrip("/").endswith(URGENT)
        per_minute = URGENT_PER_MINUTE if urgent else limits.requests_per_minute
        self._take(f"{'urgent' if urgent else 'known'} {who}", per_minute, f"{who} asks more often than")

    def stranger(self, address: str, limits: RateLimits) -> None:
        self._take(f"stranger {network(address)}", limits.requests_per_minute, "this address asks more often than")

    def login(self, address: str, limits: RateLimits) -> None:
        """A login, or a credential that is wrong."""
        self._take(
            f"login {network(address)}", limits.logins_per_minute, "this address tries to log in more often than"
        )

    def _take(self, who: str, per_minute: int, says: str) -> None:
        wait = self.buckets.take(who, per_minute)
        if wait:
            whole = max(1, math.ceil(wait))
            raise TooMany(f"{says} {per_minute} times a minute; again in {whole} s", whole)


def network(address: str) -> str:
    """One household has 2^64 addresses of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else f"{int(found) >> 64:x}::/64"
    return str(found)


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


class Strangers:
    """Requests without any credential; those with one are counted once it is known whose it is."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._says_who(Headers(scope=scope)):
            try:
                self.access.limits.stranger(address_of(scope), self.access.settings.limits)
            except TooMany as error:
                wait = {"Retry-After": f"{error.after_s:g}"}
                await refusal(scope, 429, "TooMany", str(error), wait)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _says_who(self, headers: Headers) -> bool:
        return "authorization" in headers or self.access.cookie in headers.get("cookie", "")
