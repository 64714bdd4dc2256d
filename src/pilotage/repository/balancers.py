"""Load balancers by their own configuration: HAProxy's backends, Traefik's and nginx' shares, Caddy's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pilotage.core.proposals import Proposal, Trace
from pilotage.repository.files import Line, first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

NEW = re.compile(r"(?:^|[^a-z])(?:canary|green|new|next|beta)(?:[^a-z]|$)", re.IGNORECASE)
_NAME = r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]*"

_HAPROXY = re.compile(
    r"(?:[\w.-]+/)*[\w.-]*haproxy[\w.-]*\.(?:cfg|conf|j2|tmpl)(?:\.j2)?|(?:[\w.-]+/)*haproxy/[\w.-]+\.cfg"
)
_SECTION = re.compile(r"(global|defaults|frontend|backend|listen)(?:\s+(\S+))?\s*(?:#.*)?$")
_SOCKET = re.compile(r"\s*stats\s+socket\s+(?:unix@)?(/\S+|(?:ipv4@)?[\w.-]+:\d+)(.*)")
_STATE = re.compile(r"\s*server-state-file\s+(\S+)")
_SERVER = re.compile(rf"\s*server\s+({_NAME})\s+(\S+)(.*)")
_HEALTH = re.compile(r"\s*(?:option\s+httpchk\s+(?:GET\s+)?|http-check\s+send\s+.*\buri\s+)(/\S*)")

_TRAEFIK = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.(?:ya?ml|toml)")
_WEIGHTED = re.compile(r"""\s*["']?weighted["']?\s*:\s*(?:#.*)?$""")
_OF_SERVICE = re.compile(r"""(?:^|[\s{,-])["']?name["']?\s*:\s*["']?([\w.:-]+(?:@[\w-]+)?)["']?""")
_SERVICE_KEY = re.compile(r"""(\s*)["']?([\w.:-]+)["']?\s*:\s*(?:#.*)?$""")

_NGINX = re.compile(
    r"(?:[\w.-]+/)*(?:[\w.-]*nginx[\w.-]*|(?:nginx|conf\.d|sites-[\w-]+|http\.d)/[\w./-]+)\.?(?:conf|j2|tmpl)?"
)
_SPLIT = re.compile(r"\s*split_clients\s+[\"']?(\$\w+|[^\"']+)[\"']?\s+\$(\w+)\s*\{(.*)")
_SHARE = re.compile(r"(?:^|[\s{;])([\d.]+%|\*)\s+([\w.-]+)\s*;")
_CADDY = re.compile(r"(?:[\w.-]+/)*(?:[\w.-]*Caddyfile[\w.-]*|caddy[\w.-]*\.json)")
_CADDY_SHARES = re.compile(r"weighted_round_robin")


def balancers(scene: Scene) -> Iterator[Proposal]:
    yield from _haproxy(scene)
    yield from _traefik(scene)
    yield from _nginx(scene)
    yield from _caddy(scene)


@dataclass
class _Backend:
    name: str
    line: Line
    servers: list[tuple[Line, str, str]] = field(default_factory=list)
    """With their addresses."""
    health: tuple[Line, str] | None = None


def _haproxy(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_HAPROXY):
        lines = scene.files.lines(name)
        socket = next(
            (one for one in (_SOCKET.match(line.text) for line in lines) if one and "level user" not in one[2]), None
        )
        state = first(lines, _STATE)
        where = socket[1].removeprefix("ipv4@") if socket else f"{PLACEHOLDER}: the path of a stats socket, level admin"
        for backend in _backends(lines):
            common = {"socket": where, "backend": backend.name}
            common |= {"state_file": state[1][1]} if state else {}
            traces = [trace(name, backend.line), *(trace(name, line) for line, _, _ in backend.servers[:3])]
            note = "" if socket else f"{name} has no stats socket, through which Pilotage would speak to it"
            sure = (0.85 if socket else 0.55) + 0.1 * scene.fits(backend.name)
            yield from _of_backend(scene, backend, common, traces, sure, note)


def _of_backend(
    scene: Scene, backend: _Backend, common: dict[str, str], traces: list[Trace], sure: float, note: str
) -> Iterator[Proposal]:
    names = [one for _, one, _ in backend.servers]
    canary = [one for one in names if NEW.search(one)]
    stable = [one for one in names if one not in canary]
    if canary and stable:
        options = {**common, "canary": canary, "stable": stable}
        said = f"canary {', '.join(canary)}, stable {', '.join(stable)}: check it"
        said = "; ".join([said, note] if note else [said])
        yield scene.propose("traffic", f"haproxy {backend.name}", "haproxy", options, traces, sure, said)
    else:
        pool = scene.propose("pool", f"haproxy {backend.name}", "haproxy", common, traces, sure, note)
        yield Proposal(**{**vars(pool), "members": tuple(names) if pool.driver else ()})
    if backend.health is not None:
        line, path = backend.health
        options = {"url": f"http://{backend.servers[0][2]}{path}"}
        seen = [Trace(traces[0].file, line.number, line.text.strip()[:100])]
        yield scene.propose("checks", f"health {backend.name}", "http", options, seen, 0.6)


def _backends(lines: list[Line]) -> Iterator[_Backend]:
    """Those with two servers at least."""
    found: list[_Backend] = []
    open_: _Backend | None = None
    for line in lines:
        if section := _SECTION.match(line.text):
            named = section[1] in ("backend", "listen") and section[2] and re.fullmatch(_NAME, section[2], re.ASCII)
            open_ = _Backend(section[2], line) if named else None
            found += [open_] if open_ else []
        elif open_ and (server := _SERVER.match(line.text)):
            open_.servers.append((line, server[1], server[2]))
        elif open_ and (health := _HEALTH.match(line.text)):
            open_.health = (line, health[1])
    yield from (one for one in found if len(one.servers) > 1)


def _traefik(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_TRAEFIK):
        lines = scene.files.lines(name)
        if any(line.text.startswith("apiVersion:") for line in lines):
            continue  # a manifest: Kubernetes' Traefik is not driven by files
        for place, line in enumerate(lines):
            if not _WEIGHTED.match(line.text):
                continue
            depth = len(line.text) - len(line.text.lstrip())
            above = (_SERVICE_KEY.match(one.text) for one in reversed(lines[:place]))
            service = next((one[2] for one in above if one and len(one[1]) < depth), "")
            parts = _parts(lines[place + 1 :], depth)
            if not service or len(parts) < 2:
                continue
            new = next((one for _, one in parts if NEW.search(one)), "")
            old = next((one for _, one in parts if one != new), "") if new else ""
            options = {
                "file": f"{PLACEHOLDER}: a file of Pilotage's own in the file provider's folder",
                "api": f"{PLACEHOLDER}: the address of Traefik's API, such as http://127.0.0.1:8080",
                "service": service,
                "canary": _provided(new) or f"{PLACEHOLDER}: the new version's service, such as new@file",
                "stable": _provided(old) or f"{PLACEHOLDER}: the running version's service, such as old@file",
            }
            traces = [trace(name, line), *(trace(name, one) for one, _ in parts[:2])]
            note = f"{service} is weighted in {name}; Pilotage writes it into a file of its own: take it out there"
            yield scene.propose("traffic", f"traefik {service}", "traefik", options, traces, 0.75, note)


def _parts(lines: list[Line], depth: int) -> list[tuple[Line, str]]:
    """The services among which a weighted one shares."""
    found: list[tuple[Line, str]] = []
    for line in lines[:40]:
        if line.text.strip() and len(line.text) - len(line.text.lstrip()) <= depth:
            break
        if part := _OF_SERVICE.search(line.text):
            found.append((line, part[1]))
    return found


def _provided(service: str) -> str:
    return service if not service or "@" in service else f"{service}@file"


def _nginx(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_NGINX):
        lines = scene.files.lines(name)
        for place, line in enumerate(lines):
            split = _SPLIT.match(line.text)
            if split is None:
                continue
            body = "\n".join([split[3], *(one.text for one in lines[place + 1 : place + 20])]).split("}")[0]
            shares = _SHARE.findall(body)
            rest = [one for share, one in shares if share == "*"]
            new = [one for share, one in shares if share != "*"]
            own = bool(lines) and lines[0].text.startswith("# Written by Pilotage")
            upstream = "the name of an upstream"
            options = {
                "file": scene.path(name) if own else f"{PLACEHOLDER}: a file of Pilotage's own that nginx includes",
                "variable": split[2],
                "canary": new[0] if len(new) == 1 else f"{PLACEHOLDER}: {upstream}, of the new version",
                "stable": rest[0] if len(rest) == 1 else f"{PLACEHOLDER}: {upstream}, of the running version",
                "status": f"{PLACEHOLDER}: the address of the location that answers what is in force",
            }
            note = (
                ""
                if own
                else f"Pilotage writes the split_clients of ${split[2]} into a file of its own: take it out here"
            )
            yield scene.propose("traffic", f"nginx {split[2]}", "nginx", options, [trace(name, line)], 0.7, note)


def _caddy(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_CADDY):
        if found := first(scene.files.lines(name), _CADDY_SHARES):
            options = {
                "admin": f"{PLACEHOLDER}: the address of Caddy's admin API, such as http://127.0.0.1:2019",
                "id": f"{PLACEHOLDER}: the @id of the reverse_proxy handler",
                "canary": [f"{PLACEHOLDER}: the new version's upstream, such as 10.0.0.2:8000"],
                "stable": [f"{PLACEHOLDER}: the running version's upstream, such as 10.0.0.1:8000"],
            }
            note = f"{name} shares by weighted_round_robin; the handler needs an @id"
            yield scene.propose("traffic", "caddy", "caddy", options, [trace(name, found[0])], 0.55, note)
