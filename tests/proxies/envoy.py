"""Envoy, its share in the disk runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pilotage.drivers import Context
from pilotage.drivers.traffic.envoy import EnvoyTraffic
from tests import servers


@dataclass(frozen=True)
class Proxy:
    running: servers.Envoy

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def metrics(self) -> str:
        return f"{self.running.admin}/stats/prometheus"

    def driver(self, folder: Path) -> EnvoyTraffic:
        options = EnvoyTraffic.Options(
            runtime_dir=self.running.runtime_dir, key="payment.canary", admin=self.running.admin
        )
        return EnvoyTraffic(options, Context(folder, folder))

    def restart(self) -> None:
        self.running.restart()


@contextmanager
def envoy(folder: Path, stable: str, canary: str) -> Iterator[Proxy]:
    with servers.envoy(folder, stable, canary) as running:
        yield Proxy(running)
