"""Where metrics and logs come from: Prometheus by its files, log files by the configuration that names them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pilotage.core.proposals import Proposal
from pilotage.repository.blocks import Block, below, value
from pilotage.repository.files import Line, first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

COMPOSE = re.compile(r"(?:[\w.-]+/)*(?:docker-)?compose[\w.-]*\.ya?ml")
_PROMETHEUS_FILE = re.compile(r"(?:[\w.-]+/)*prometheus[\w.-]*\.ya?ml(?:\.\w+)?")
_CONFIGS = re.compile(r"(?:[\w.-]+/)*(?:[\w.-]+\.(?:ya?ml|toml|properties|conf|ini)|\.env(?:\.\w+)?|[\w-]+\.env)")
_MAY_NAME = re.compile(
    r"values|prom|grafana|datasource|monitor|metric|alert|argo|flagger|keda|env|config|compose", re.I
)
_URL = re.compile(
    r"https?://(?:[^\s/@\"']*@)?([\w.-]*(?:prometheus|thanos-query|victoria-?metrics|vmselect|mimir)[\w.-]*)(:\d{1,5})?"
    r"((?:/[\w.-]+)*)",
    re.I,
)
_IMAGE = re.compile(r"(?:^|/)(?:prom/prometheus|prometheus|victoria-?metrics)(?::|@|$)")
_PORTS = re.compile(r"""^\s*-\s*["']?(?:[\d.]+:)?(?:\$\{\w+:-)?(\d{2,5})\}?:(9090|8428)\b""")
_NO_API = re.compile(r"push|write|exporter|alertmanager|/metrics$", re.I)

_MOUNT = re.compile(r"""^\s*-\s*["']?(\.{1,2}/[\w./-]*log[\w./-]*|/[\w./-]*log[\w./-]*):(/[\w./-]+)""", re.I)
_UNIT = re.compile(r"(?:[\w.-]+/)*([\w-]+)(?:@)?\.service")
_UNIT_FILE = re.compile(r"^Standard(?:Output|Error)=(?:append|file|truncate):(\S+)")
_LOGBACK = re.compile(r"(?:[\w.-]+/)*(?:logback|log4j2?)[\w.-]*\.(?:xml|properties|ya?ml)")
_LOG_PATH = re.compile(
    r"""<[fF]ile>\s*([^<\s]+)\s*</|[fF]ile[nN]ame["']?\s*[=:]\s*["']?([^"'\s>]+)|\.File\s*=\s*(\S+)"""
)
_ROTATE_FILE = re.compile(r"(?:[\w.-]+/)*(?:logrotate(?:\.d)?[\w./-]*|[\w-]+\.logrotate)")
_ROTATED = re.compile(r"""^\s*["']?(/[^\s{"']+)""")


def watching(scene: Scene) -> Iterator[Proposal]:
    yield from _prometheus(scene)
    for name in scene.files.named(COMPOSE):
        yield from _compose(scene, name)
    yield from _log_files(scene)


def _prometheus(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_PROMETHEUS_FILE):
        if scrapes := first(scene.files.lines(name), re.compile(r"^scrape_configs:")):
            note = "the address is Prometheus' usual one: this file does not say where it runs"
            options = {"url": "http://localhost:9090"}
            yield scene.propose("metrics", "prometheus", "prometheus", options, [trace(name, scrapes[0])], 0.5, note)
    said = set()
    for name in scene.files.named(_CONFIGS):
        if not _MAY_NAME.search(name):
            continue
        for line in scene.files.lines(name):
            if "http" not in line.text or not (found := _URL.search(line.text)) or _NO_API.search(found[0]):
                continue
            url = f"{found[0].split('://')[0]}://{found[1]}{found[2] or ''}{found[3]}"
            url = re.sub(r"/api/v1.*$", "", url)
            if url not in said:
                said.add(url)
                options = {"url": url}
                sure = 0.7 if "datasource" in name or "prom" in name.lower() else 0.65
                yield scene.propose("metrics", "prometheus", "prometheus", options, [trace(name, line)], sure)


def _compose(scene: Scene, name: str) -> Iterator[Proposal]:
    services = below(scene.files.lines(name), "services")
    for service in services:
        image = value(service.lines, "image")
        if image and _IMAGE.search(image[1]):
            mapped = first(list(service.lines), _PORTS)
            url = f"http://localhost:{mapped[1][1]}" if mapped else f"{PLACEHOLDER}: the address of Prometheus"
            traces = [trace(name, image[0]), *([trace(name, mapped[0])] if mapped else [])]
            note = "" if mapped else f"{name} publishes no port of {service.key}"
            options = {"url": url}
            yield scene.propose("metrics", "prometheus", "prometheus", options, traces, 0.8 if mapped else 0.4, note)
        else:
            yield from _container_logs(scene, name, service)


def _container_logs(scene: Scene, name: str, service: Block) -> Iterator[Proposal]:
    for line in service.lines:
        if found := _MOUNT.match(line.text):
            host = found[1]
            host = scene.path(posixpath.join(posixpath.dirname(name), host)) if host.startswith(".") else host
            paths = [host if posixpath.splitext(host)[1] == ".log" else f"{host.rstrip('/')}/*.log"]
            yield scene.propose("logs", service.key, "files", {"paths": paths}, [trace(name, line)], 0.7)
            return
    own = any(re.match(r"\s*build\s*:", line.text) for line in service.lines)
    if own or scene.fits(service.key):
        logs = ["docker", "compose", "-f", scene.path(name), "logs", "--no-log-prefix", "--since", "{since}"]
        options = {"command": [*logs, "-f", service.key], "past": [*logs, service.key]}
        sure = 0.55 + 0.2 * scene.fits(service.key)
        yield scene.propose("logs", service.key, "command", options, [trace(name, service.start)], sure)


def _log_files(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_UNIT):
        yield from _unit(scene, name)
    for name in scene.files.named(_LOGBACK):
        for line in scene.files.lines(name):
            if found := _LOG_PATH.search(line.text):
                path = found[1] or found[2] or found[3]
                if path.endswith((".xml", ".class")):
                    continue
                yield _path(scene, name, line, path)
    for name in scene.files.named(_ROTATE_FILE):
        lines = scene.files.lines(name)
        if not any("{" in line.text for line in lines):
            continue
        for line in lines:
            if (found := _ROTATED.match(line.text)) and "log" in found[1]:
                yield _path(scene, name, line, found[1])


def _unit(scene: Scene, name: str) -> Iterator[Proposal]:
    lines = scene.files.lines(name)
    start = first(lines, re.compile(r"^ExecStart="))
    if start is None:
        return
    unit = posixpath.basename(name).removesuffix(".service")
    if found := first(lines, _UNIT_FILE):
        yield _path(scene, name, found[0], found[1][1].replace("%n", f"{unit}.service").replace("%N", unit))
        return
    follow = ["journalctl", "-f", "-n", "0", "-o", "json", "-u", unit]
    yield scene.propose(
        "logs",
        unit,
        "command",
        {"command": follow},
        [trace(name, start[0])],
        0.6 + 0.2 * scene.fits(unit),
    )


def _path(scene: Scene, name: str, line: Line, path: str) -> Proposal:
    """A log file as configuration names it; what is filled in elsewhere nobody knows here."""
    known = not re.search(r"[$%#]\{?|\{", path)
    paths = [path if known else f"{PLACEHOLDER}: {path}"]
    sure = (0.65 if known else 0.35) + 0.1 * scene.fits(path)
    return scene.propose("logs", posixpath.basename(path) or path, "files", {"paths": paths}, [trace(name, line)], sure)
