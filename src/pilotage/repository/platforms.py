"""Kubernetes and containers: what is there, and what of it this release can drive."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotage.core.proposals import Proposal
from pilotage.repository import routes
from pilotage.repository.blocks import documents, inner, plain, value
from pilotage.repository.files import Line, first, trace
from pilotage.repository.routes import Target
from pilotage.repository.scene import PLACEHOLDER, Scene
from pilotage.repository.watching import COMPOSE
from pilotage.repository.workloads import WORKLOADS, rollout, workload

_MANIFEST = re.compile(r"(?:[\w.-]+/)*[\w.-]+\.ya?ml")
_NO_MANIFEST = re.compile(r"(?:^|/)(?:\.github|\.circleci|tests?|docs?)/")
_KIND = re.compile(r"^kind:\s*[\"']?(\w+)")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_ARGO = re.compile(r"^apiVersion:\s*[\"']?argoproj\.io/")
_FLAGGER = re.compile(r"^apiVersion:\s*[\"']?flagger\.app/")
_CANARY = re.compile(r"nginx\.ingress\.kubernetes\.io/canary(?:-weight)?:|traefik.*weight|alb\.ingress.*actions", re.I)
_TEMPLATED = "(its name is filled in by a template)"
_LABEL = re.compile(r"""\s+["']?([\w./-]+)["']?\s*:\s*(\S.*)""")
_BRACES = re.compile(r"""\bmatchLabels["']?\s*:\s*\{([^{}]+)\}""")
_LABEL_NAME = re.compile(r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?")


def platforms(scene: Scene) -> Iterator[Proposal]:
    said: set[str] = set()
    for name in scene.files.named(_MANIFEST):
        if _NO_MANIFEST.search(name) or COMPOSE.fullmatch(name):
            continue
        lines = scene.files.lines(name)
        if not any(line.text.startswith("apiVersion:") for line in lines):
            continue
        for part in documents(lines):
            for one in _manifest(scene, name, part):
                if _TEMPLATED not in one.name or one.name not in said:
                    said.add(one.name)
                    yield one
    for name in scene.files.named(re.compile(r"(?:[\w.-]+/)*Chart\.ya?ml")):
        if chart := value(scene.files.lines(name), "name", 0):
            note = f"Helm chart {chart[1]}: not driven by this release; `helm upgrade` through a shell driver works"
            yield scene.propose("deploy", f"helm {chart[1]}", "", {}, [trace(name, chart[0])], 0.4, note)
    for name in scene.files.named(COMPOSE):
        if services := first(scene.files.lines(name), re.compile(r"^services:")):
            note = f"{name}: not driven by this release; `docker compose up -d` through a shell driver works"
            yield scene.propose("deploy", name, "", {}, [trace(name, services[0])], 0.3, note)


def _manifest(scene: Scene, name: str, lines: list[Line]) -> Iterator[Proposal]:
    found = first(lines, _KIND)
    if found is None:
        return
    line, kind = found[0], found[1][1]
    metadata = inner(lines, "metadata")
    written = value(metadata, "name")
    called = written[1] if written and _NAME.fullmatch(written[1]) else ""
    title = f"{kind} {called or _TEMPLATED}"
    traces = [trace(name, line), *([trace(name, written[0])] if written and called else [])]
    space = value(metadata, "namespace")
    within = space[1] if space and _NAME.fullmatch(space[1]) else ""
    fits = 0.2 * scene.fits(called)
    target = Target(name, called or f"{PLACEHOLDER}: the {kind}'s name", title, within, traces, fits)
    if kind in WORKLOADS:
        yield workload(scene, target, kind, called, lines)
        if called:
            what, there = f"{WORKLOADS[kind]}/{called}", ["-n", within] if within not in ("", "default") else []
            yield _logs(scene, target, lines, what, there)
    elif kind == "Rollout" and first(lines, _ARGO):
        yield rollout(scene, target, called, lines)
        yield from routes.argo(scene, target, lines)
    elif kind == "Canary" and first(lines, _FLAGGER):
        note = f"Flagger Canary {called or _TEMPLATED}: `pilotage import flagger {name}` makes a plan of it"
        yield scene.propose("traffic", title, "", {}, traces, 0.5 + fits, note)
    elif kind in ("HTTPRoute", "GRPCRoute"):
        yield routes.gateway(scene, target, kind, lines)
    elif kind == "VirtualService":
        yield routes.istio(scene, target, lines)
    elif kind == "TrafficSplit" or (kind == "Ingress" and first(lines, _CANARY)):
        weight = first(lines, re.compile(r"weight\b.*:"))
        traces += [trace(name, weight[0])] if weight else []
        note = f"Kubernetes {title}: not driven by this release; `kubectl patch` through a shell driver works"
        yield scene.propose("traffic", title, "", {}, traces, 0.4 + fits, note)
    elif kind == "Ingress":
        note = f"Kubernetes {title}: it splits no traffic as it is, and is not driven by this release"
        yield scene.propose("traffic", title, "", {}, traces, 0.2 + fits, note)


def _logs(scene: Scene, of: Target, lines: list[Line], what: str, within: list[str]) -> Proposal:
    """By labels where there are some: ``kubectl logs deploy/NAME`` follows one pod only."""
    sure = 0.6 + of.fits
    if labels := _labels(lines):
        options = {"selector": labels, **of.within}
        return scene.propose("logs", of.name, "kubernetes", options, [*of.traces], sure)
    common = ["kubectl", "logs", *within, "--since-time={since}", what]
    command = {"command": [*common, "-f"], "past": common}
    note = f"follows one pod of {what} only; the driver kubernetes follows all, by their labels"
    return scene.propose("logs", of.name, "command", command, [*of.traces], sure, note)


def _labels(lines: list[Line]) -> dict[str, str]:
    """What the object's selector asks of its pods."""
    found = [(hit[1], plain(hit[2])) for line in inner(lines, "matchLabels") if (hit := _LABEL.match(line.text))]
    if braces := first(lines, _BRACES):
        found = [
            (name.strip("\"' "), plain(one)) for name, _, one in (p.partition(":") for p in braces[1][1].split(","))
        ]
    good = all(_LABEL_NAME.fullmatch(name) and _LABEL_VALUE.fullmatch(one) for name, one in found)
    return dict(found) if good else {}
