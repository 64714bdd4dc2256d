"""Who splits the traffic: the team's own scripts, Envoy, and what no driver of this release reaches."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pilotage.core.proposals import Proposal
from pilotage.repository.deploying import as_command
from pilotage.repository.files import Line, first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

_SCRIPT = re.compile(
    r"(?:[\w.-]+/){0,3}?[\w-]*(?:traffic|weight|canary|split(?:ter)?|shift)[\w-]*(?:\.(?:sh|bash|py|rb|js|pl))?",
    re.IGNORECASE,
)
_NO_SCRIPT = re.compile(r"(?:^|/)(?:tests?|spec|src|docs?|examples?)/|(?:^|[/_.-])tests?(?:[_.-]|$)")
_SET = re.compile(r"""(?:^|[\s"'(|])(set(?:-weight)?|shift)(?:["']?\)|["']?,|["']\s*(?:\]|:|==)|["']\s*$|\s*\|)""")
_GET = re.compile(
    r"""(?:^|[\s"'(|])(get(?:-weight)?|read|show|status|current)(?:["']?\)|["']?,|["']\s*(?:\]|:)|["']\s*$)"""
)
_COMPARED = re.compile(r"""={1,2}\s*["']?(set|get|read|show|status)["']?(?:\s|\]|:|$)""")
_TAKES = re.compile(r"\$\{?[1-9@*]|sys\.argv|\bARGV\b|process\.argv|add_argument")
_ENVOY_FILE = re.compile(r"(?:[\w.-]+/)*[\w.-]*\.(?:ya?ml|json|tmpl|tpl|j2|template)")
_RUNTIME_KEY = re.compile(r"""["']?runtime_key["']?\s*:\s*["']?([\w.-]+)["']?""")
_PREFIX = re.compile(r"""["']?runtime_key_prefix["']?\s*:\s*["']?([\w.-]+)["']?""")
_CLUSTER = re.compile(r"""["']?cluster["']?\s*:\s*["']?([\w.|-]+)["']?""")
_WEIGHTED = re.compile(r"""["']?weighted_clusters["']?\s*:""")
_ADMIN = re.compile(r"""(?:^|[\s{,])["']?admin["']?\s*:""")
_ADDRESS = re.compile(r"""["']?address["']?\s*:\s*["']?([\w.-]+|::1?)["']?\s*(?:[,}]|$)""")
_PORT = re.compile(r"""["']?port_value["']?\s*:\s*["']?(\d{1,5})""")
_ROOT = re.compile(r"""["']?symlink_root["']?\s*:\s*["']?([^"',}\s]+)""")
_SUBDIRECTORY = re.compile(r"""["']?subdirectory["']?\s*:\s*["']?([\w./-]+)""")


def traffic(scene: Scene) -> Iterator[Proposal]:
    yield from _scripts(scene)
    yield from _envoy(scene)


def _scripts(scene: Scene) -> Iterator[Proposal]:
    scripts = [one for one in scene.files.named(_SCRIPT) if not _NO_SCRIPT.search(one.lower())]
    for name in scripts:
        argv = as_command(scene, name)
        lines = scene.files.lines(name)
        if argv is None or not lines:
            continue
        base = 0.9 if re.search(r"traffic|weight", posixpath.basename(name).lower()) else 0.7
        setting, reading = (_word(lines, one) for one in (_SET, _GET))
        if setting and reading:
            options = {"set": [*argv, setting[1], "{weight}"], "read": [*argv, reading[1]]}
            traces = [trace(name, setting[0]), *([trace(name, reading[0])] if reading[0] != setting[0] else [])]
            yield scene.propose("traffic", name, "shell", options, traces, base)
            continue
        word = posixpath.basename(name).lower()
        if re.match(r"(?:get|read|show)", word):
            continue
        takes = first(lines, _TAKES)
        if takes is None:
            continue
        partner = _partner(scene, name)
        read = as_command(scene, partner) if partner else None
        options = {
            "set": [*argv, *([setting[1]] if setting else []), "{weight}"],
            "read": read or [f"{PLACEHOLDER}: a command that prints the percent in force on its last line"],
        }
        traces = [trace(name, setting[0] if setting else takes[0]), *([trace(partner)] if read else [])]
        note = "" if read else f"nothing in {name} prints the weight in force"
        yield scene.propose("traffic", name, "shell", options, traces, base * (0.9 if read else 0.4), note)


def _word(lines: list[Line], pattern: re.Pattern[str]) -> tuple[Line, str] | None:
    """The first argument by which a script sets, or reads: a case, a subparser, a comparison."""
    for line in lines:
        if line.text.lstrip().startswith("#"):
            continue
        if found := pattern.search(line.text):
            return line, found[1]
        if (found := _COMPARED.search(line.text)) and (found[1] == "set") == (pattern is _SET):
            return line, found[1]
    return None


def _partner(scene: Scene, name: str) -> str:
    """``get-weight.sh`` beside ``set-weight.sh``."""
    folder, base = posixpath.split(name)
    rest = re.sub(r"^set[-_]", "", base)
    wanted = (
        [f"{verb}{gap}{rest}" for verb in ("get", "read", "show", "current") for gap in "-_"] if rest != base else []
    )
    return next((one for one in (posixpath.join(folder, two) for two in wanted) if one in scene.files.names), "")


def _envoy(scene: Scene) -> Iterator[Proposal]:
    for name in scene.files.named(_ENVOY_FILE):
        if not re.search(r"envoy|prox|route|bootstrap|gateway|edge|listener", name.lower()):
            continue
        lines = scene.files.lines(name)
        admin = _admin(lines)
        weighted = first(lines, _WEIGHTED)
        keys = [
            (line, found[1]) for line in lines if (found := _RUNTIME_KEY.search(line.text)) and _is_share(lines, line)
        ]
        if admin and (first(lines, re.compile("static_resources|dynamic_resources"))):
            yield _stats(scene, name, lines, admin, keys)
        if prefix := first(lines, _PREFIX):
            note = (
                f"Envoy's weighted clusters with the runtime keys {prefix[1][1]}.*: the envoy driver needs a route"
                " with `runtime_fraction` and a `runtime_key`"
            )
            yield scene.propose("traffic", f"envoy {prefix[1][1]}", "", {}, [trace(name, prefix[0])], 0.4, note)
        elif weighted and not keys:
            note = "Envoy's weighted clusters have no runtime key: the envoy driver needs `runtime_fraction`"
            yield scene.propose("traffic", "envoy", "", {}, [trace(name, weighted[0])], 0.4, note)
        for line, key in keys:
            yield _by_key(scene, name, lines, line, key, admin)


def _by_key(
    scene: Scene, name: str, lines: list[Line], line: Line, key: str, admin: tuple[Line, str] | None
) -> Proposal:
    root, below = first(lines, _ROOT), first(lines, _SUBDIRECTORY)
    options: dict[str, str] = {
        "key": key,
        "admin": admin[1] if admin else f"{PLACEHOLDER}: Envoy's admin address, such as http://127.0.0.1:9901",
        "runtime_dir": root[1][1] if root else f"{PLACEHOLDER}: the disk layer's symlink_root",
    }
    if root and below:
        options["subdirectory"] = below[1][1]
    groups = _groups(lines, line)
    traces = [trace(name, line)]
    traces += [trace(name, found[0]) for found in (admin, root) if found]
    traces += [trace(name, one) for one, _ in groups]
    note = ""
    if len(groups) == 2:
        note = f"groups: canary is the cluster {groups[0][1]}, control {groups[1][1]}"
    missing = [what for what, found in (("no admin address", admin), ("no disk layer", root)) if found is None]
    if missing:
        note = "; ".join([*([note] if note else []), f"{name} has {' and '.join(missing)}"])
    sure = 0.9 - 0.25 * len(missing) - (0.1 if not groups else 0)
    return scene.propose("traffic", f"envoy {key}", "envoy", options, traces, sure + 0.05 * scene.fits(key), note)


def _is_share(lines: list[Line], line: Line) -> bool:
    """Whether the key is a route's fraction: not a circuit breaker's, a fault's or an access log's."""
    near = [one.text for one in lines[max(0, line.number - 6) : line.number]]
    return any("runtime_fraction" in text for text in near)


def _groups(lines: list[Line], line: Line) -> list[tuple[Line, str]]:
    """The clusters of the route with the key and of the route after it."""
    found: list[tuple[Line, str]] = []
    for one in lines[line.number - 1 : line.number + 40]:
        hit = _CLUSTER.search(one.text)
        if hit and hit[1] not in [name for _, name in found]:
            found.append((one, hit[1]))
    return found[:2]


def _admin(lines: list[Line]) -> tuple[Line, str] | None:
    for line in lines:
        if not (start := _ADMIN.search(line.text)):
            continue
        block = [line.text[start.end() :], *(one.text for one in lines[line.number : line.number + 14])]
        text = "\n".join(block)
        port = _PORT.search(text)
        host = re.search(_ADDRESS.pattern, text, re.MULTILINE)
        if port and 0 < int(port[1]) < 65536:
            where = host[1] if host and host[1] not in ("0.0.0.0", "::", "socket_address") else "127.0.0.1"  # noqa: S104
            return line, f"http://{'[::1]' if where == '::1' else where}:{port[1]}"
    return None


def _stats(
    scene: Scene, name: str, lines: list[Line], admin: tuple[Line, str], keys: list[tuple[Line, str]]
) -> Proposal:
    groups = _groups(lines, keys[0][0]) if keys else []
    note = f"groups: canary {groups[0][1]}, control {groups[1][1]}" if len(groups) == 2 else ""
    options = {"urls": [f"{admin[1]}/stats/prometheus"]}
    traces = [trace(name, admin[0]), *(trace(name, one) for one, _ in groups)]
    return scene.propose("metrics", "envoy", "scrape", options, traces, 0.6 + (0.1 if groups else 0), note)
