"""What is known of each proxy's way to split and to switch; tests and benchmarks go through them all."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from math import sqrt
from pathlib import Path

from tests.proxies import Proxy


@dataclass(frozen=True)
class Kind:
    name: str
    exact: bool
    """It splits in turn; otherwise each request by chance."""
    loses: str = ""
    """Why a switch may lose requests; empty: it must lose none."""

    def start(self, folder: Path, stable: str, canary: str) -> AbstractContextManager[Proxy]:
        folder.mkdir(parents=True, exist_ok=True)
        started = getattr(import_module(f"tests.proxies.{self.name}"), self.name)(folder, stable, canary)
        assert isinstance(started, AbstractContextManager)
        return started

    def deviation(self, weight: float, requests: int) -> float:
        """Percent points that the share of `requests` may be off `weight`: half a point in turn, else three sigma."""
        return 0.5 if self.exact else 3 * sqrt(weight * (100 - weight) / max(1, requests))


_CADDY = "a new configuration ends the old server and closes the connections that clients keep, also under a request"
KINDS = tuple(
    kind
    for kind in (
        Kind("envoy", exact=False),
        Kind("haproxy", exact=True),
        Kind("traefik", exact=True),
        Kind("caddy", exact=True, loses=_CADDY),
        Kind("nginx", exact=False),
    )
    if find_spec(f"tests.proxies.{kind.name}")
)
