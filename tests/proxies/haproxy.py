"""HAProxy with backends of several servers; what its servers' weights and states are survives a restart.

A request goes to the backend that its header `backend` names, else to ``payment``; one to ``/NAME/...`` goes to the
server NAME of it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pilotage.drivers import Context
from pilotage.drivers.pool.haproxy import HaproxyPool
from pilotage.drivers.traffic.haproxy import HaproxyTraffic
from tests.servers import answers, free_port, wait_until

CONFIG = """\
global
    stats socket {folder}/admin.sock mode 600 level admin
    stats socket {folder}/operator.sock mode 600 level operator
    stats socket ipv4@127.0.0.1:{port} level admin
    server-state-file {folder}/servers.state
    nbthread 2
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    load-server-state-from-file global
    default-server inter 100ms fastinter 100ms rise 2 fall 2
frontend web
    bind 127.0.0.1:{web}
    use_backend %[req.hdr(backend)] if {{ req.hdr(backend) -m found }}
    default_backend payment
frontend metrics
    bind 127.0.0.1:{metrics}
    http-request use-service prometheus-exporter
"""


@dataclass
class Upstream:
    """Answers its name. A request for ``/.../slow`` has its answer when `release` is set; `running` counts those."""

    url: str = ""
    running: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return self.url.removeprefix("http://")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A health check closes its connection as soon as it knows."""


@contextmanager
def upstream(name: str, port: int = 0) -> Iterator[Upstream]:
    up = Upstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.endswith("/slow"):
                up.running += 1
                up.release.wait(30)
                up.running -= 1
            answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n{name}"
            self.wfile.write(answer.encode())  # in one piece, or each answer waits for the acknowledgement of its head

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    up.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield up
    finally:
        up.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Haproxy:
    def __init__(self, folder: Path, backends: Mapping[str, Sequence[str]]) -> None:
        binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if binary is None:
            if os.environ.get("CI"):
                pytest.fail("haproxy is missing on CI: install Debian's haproxy")
            pytest.skip("haproxy is not installed here")
        folder.mkdir(parents=True, exist_ok=True)
        web, port, metrics = free_port(), free_port(), free_port()
        self.metrics = f"http://127.0.0.1:{metrics}/metrics"
        self.url, self.tcp = f"http://127.0.0.1:{web}", f"127.0.0.1:{port}"
        self.socket, self.operator = folder / "admin.sock", folder / "operator.sock"
        self.state_file = folder / "servers.state"
        self._folder = folder
        self._argv = [binary, "-f", str(folder / "haproxy.cfg"), "-db"]
        lines = [f"backend {name}\n" + "".join(f"    {line}\n" for line in of) for name, of in backends.items()]
        config = CONFIG.format(folder=folder, port=port, web=web, metrics=metrics) + "".join(lines)
        (folder / "haproxy.cfg").write_text(config)

    def start(self) -> None:
        with (self._folder / "haproxy.log").open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
        wait_until(lambda: answers(self.url), "HAProxy's start")

    def stop(self) -> None:
        """Gently: requests in flight are answered."""
        self._process.send_signal(signal.SIGUSR1)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def options(self, **others: Any) -> dict[str, Any]:
        return {"socket": str(self.socket), "backend": "payment", "state_file": self.state_file, **others}

    def driver(self, folder: Path, **others: Any) -> HaproxyTraffic:
        options = self.options(**{"canary": "canary", "stable": "stable", **others})
        return HaproxyTraffic(HaproxyTraffic.Options(**options), Context(folder, folder))

    def pool(self, folder: Path, **others: Any) -> HaproxyPool:
        return HaproxyPool(HaproxyPool.Options(**self.options(**others)), Context(folder, folder))


def servers(addresses: Mapping[str, str], first: str = "balance roundrobin", more: str = "check") -> list[str]:
    """A backend's lines: one server for each name and address."""
    lines = [f"use-server {name} if {{ path_beg /{name}/ }}" for name in addresses]
    return [first, *lines, *(f"server {name} {address} {more}" for name, address in addresses.items())]


@contextmanager
def running(folder: Path, backends: Mapping[str, Sequence[str]]) -> Iterator[Haproxy]:
    proxy = Haproxy(folder, backends)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


@contextmanager
def haproxy(folder: Path, stable: str, canary: str) -> Iterator[Haproxy]:
    lines = ["balance roundrobin"]
    lines += [f"server stable {stable.removeprefix('http://')} check weight 1"]
    lines += [f"server canary {canary.removeprefix('http://')} check weight 0"]
    with running(folder, {"payment": lines}) as proxy:
        yield proxy


@contextmanager
def pool(folder: Path, addresses: Mapping[str, str]) -> Iterator[Haproxy]:
    """A backend ``payment`` of the servers at these addresses (``host:port``), by their names."""
    with running(folder, {"payment": servers(addresses)}) as proxy:
        yield proxy
