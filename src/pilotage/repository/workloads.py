"""What runs in a cluster, by its manifests: which object a deploy gives the new image."""

from __future__ import annotations

import re

from pilotage.core.proposals import Proposal
from pilotage.repository.balancers import NEW
from pilotage.repository.files import Line, trace
from pilotage.repository.routes import Target, items
from pilotage.repository.scene import PLACEHOLDER, Scene

WORKLOADS = {"Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset"}
_IMAGE = re.compile(r"""\bimage["']?\s*:\s*["']?([A-Za-z0-9][\w./:@-]{0,400})["']?\s*(?:[,}#]|$)""", re.MULTILINE)
_CALLED = r"""^\s{{{column}}}["']?name["']?\s*:\s*["']?([a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?)["']?\s*(?:#|$)"""
_AN_IMAGE = f"{PLACEHOLDER}: the image, such as registry.example.org/payment:{{version}}"


def workload(scene: Scene, of: Target, kind: str, called: str, lines: list[Line]) -> Proposal:
    """Only what is called a new version's may be deployed to as it stands: any other serves everybody."""
    image, container, where = _image(lines)
    mine = bool(called) and NEW.search(called) is not None
    whom = of.name if mine else f"{PLACEHOLDER}: the new version's {kind}"
    if not mine and called:
        whom += f"; {called} itself only where a flag keeps the new version from everybody"
    note = "" if mine else f"{of.title} serves everybody: what is deployed there gets all of its traffic at once"
    options = {WORKLOADS[kind]: whom, "image": image, **container, **of.within}
    traces = [*of.traces, *([trace(of.file, where)] if where else [])]
    return scene.propose("deploy", of.title, "kubernetes", options, traces, (0.7 if mine else 0.45) + of.fits, note)


def rollout(scene: Scene, of: Target, called: str, lines: list[Line]) -> Proposal:
    """Argo's own: its kubectl plugin changes the image."""
    image, container, where = _image(lines)
    names = [name for _, name, _ in _containers(lines)]
    if not called or where is None or len(names) != 1 or not names[0] or container:
        note = f"{of.title} (Argo Rollouts): `kubectl argo rollouts set image` deploys through a shell driver"
        return scene.propose("deploy", of.title, "", {}, [*of.traces], 0.4 + of.fits, note)
    there = ["--namespace", of.namespace] if of.namespace else []
    command = ["kubectl", "argo", "rollouts", "set", "image", called, f"{names[0]}={image}", *there]
    note = "by the kubectl plugin of Argo Rollouts; before its first pause the Rollout moves no traffic"
    traces = [*of.traces, trace(of.file, where)]
    return scene.propose("deploy", of.title, "shell", {"command": command}, traces, 0.65 + of.fits, note)


def _image(lines: list[Line]) -> tuple[str, dict[str, str], Line | None]:
    """The image with {version} for its tag, the option `container` where there are several, and where it stands."""
    found = _containers(lines)
    if len(found) == 1 and found[0][2]:
        line, _, image = found[0]
        return f"{_without_tag(image)}:{{version}}", {}, line
    if len(found) > 1:
        names = ", ".join(name for _, name, _ in found if name) or "its containers"
        return _AN_IMAGE, {"container": f"{PLACEHOLDER}: which one gets the new image: {names}"}, found[0][0]
    return _AN_IMAGE, {}, None


def _containers(lines: list[Line]) -> list[tuple[Line, str, str]]:
    """Each container with its name and image, empty where a template fills them in."""
    found = []
    for line, item in items(lines, "containers"):
        if line.text.lstrip().startswith("-"):
            column = len(line.text) - len(line.text.lstrip("- "))
            item = " " * column + item[column:]
            called = re.search(_CALLED.format(column=column), item, re.MULTILINE)
        else:
            called = re.search(r"\bname\s*:\s*([a-z0-9-]+)", item)
        image = _IMAGE.search(item)
        found.append((line, called[1] if called else "", image[1] if image else ""))
    return found


def _without_tag(image: str) -> str:
    bare = image.partition("@")[0]
    place, colon, tag = bare.rpartition(":")
    return place if colon and "/" not in tag else bare
