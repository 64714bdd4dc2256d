"""What splits the traffic in a cluster, by its manifests: routes of the Gateway API and of Istio, Argo's Rollouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pilotage.core.proposals import Proposal, Trace
from pilotage.repository.balancers import NEW
from pilotage.repository.files import Line, first, trace
from pilotage.repository.scene import PLACEHOLDER, Scene

_NAME = r"""\bname["']?\s*:\s*["']?([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)["']?\s*(?:[,}#]|$)"""
_HOST = r"""\bhost["']?\s*:\s*["']?([\w.*-]+)["']?\s*(?:[,}#]|$)"""
_SUBSET = r"""\bsubset["']?\s*:\s*["']?([\w.-]+)["']?\s*(?:[,}#]|$)"""
_WEIGHT = r"""\bweight["']?\s*:\s*["']?(\d{1,7})["']?\s*(?:[,}#]|$)"""
_FLOW = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_SET_WEIGHT = re.compile(r"""\bsetWeight["']?\s*:\s*["']?(\d{1,7})""")
_TIMED = re.compile(r"""\bduration["']?\s*:|^\s*-\s*analysis\s*:""")
MOST_BACKENDS = 20


@dataclass(frozen=True)
class Target:
    """An object of a manifest; `name` is a placeholder where a template fills it in."""

    file: str
    name: str
    title: str
    namespace: str
    traces: Sequence[Trace]
    fits: float

    @property
    def within(self) -> dict[str, str]:
        return {"namespace": self.namespace} if self.namespace else {}


@dataclass(frozen=True)
class _Backend:
    name: str
    weight: int | None
    line: Line


def gateway(scene: Scene, of: Target, kind: str, lines: list[Line]) -> Proposal:
    """An HTTPRoute or a GRPCRoute."""
    options: dict[str, str] = {"route": of.name, **({"kind": kind} if kind != "HTTPRoute" else {}), **of.within}
    return _split(scene, of, "gateway-api", options, _backends(lines, "backendRefs", _service), "Service")


def istio(scene: Scene, of: Target, lines: list[Line]) -> Proposal:
    """A VirtualService: its backends go by subset, or by host where no subset tells them apart."""
    found = _backends(lines, "route", _destination)
    hosts = {one.name.partition("/")[0] for one in found}
    subsets = [one.name.partition("/")[2] for one in found]
    place: Callable[[str], str] = str
    if len(hosts) == 1 and all(subsets):
        place = _subset
    elif not any(subsets):
        place = _host
    named = [_Backend(place(one.name).rstrip("/"), one.weight, one.line) for one in found]
    return _split(scene, of, "istio", {"virtual_service": of.name, **of.within}, named, "subset or host")


def argo(scene: Scene, of: Target, lines: list[Line]) -> Iterator[Proposal]:
    """A Rollout: its controller moves the traffic, so nobody else may."""
    weights = [found[1] for line in lines if (found := _SET_WEIGHT.search(line.text))]
    imported = f"`pilotage import argo {of.file}` makes a plan of its steps and analyses"
    steps = first(lines, _SET_WEIGHT)
    traces = [*of.traces, *([trace(of.file, steps[0])] if steps else [])]
    if first(lines, re.compile(r"""^\s+["']?blueGreen["']?\s*:""")):
        note = f"Argo Rollout {of.name}, blue-green: {imported}"
        yield scene.propose("traffic", of.title, "", {}, traces, 0.4 + of.fits, note)
        return
    said = [imported]
    said += [f"the phases' weights must be its steps': {', '.join(weights)}"] if weights else []
    said += ["its steps need pauses without a duration, and no analysis"] if first(lines, _TIMED) else []
    options = {"rollout": of.name, **of.within}
    yield scene.propose("traffic", of.title, "argo-rollouts", options, traces, 0.8 + of.fits, "; ".join(said))


def _split(
    scene: Scene, of: Target, driver: str, options: dict[str, str], found: list[_Backend], what: str
) -> Proposal:
    names = list(dict.fromkeys(one.name for one in found))
    traces = [*of.traces, *(trace(of.file, one.line) for one in _each(found)[:2])]
    canary, stable, how = _sides(found)
    if canary and stable:
        options |= {"canary": canary, "stable": stable}
        return scene.propose("traffic", of.title, driver, options, traces, 0.7 + of.fits, f"{how}: check it")
    if len(names) == 1:
        note = f"it has one backend, {names[0]}: add the new version's beside it, with weight 0"
        options |= {"canary": f"{PLACEHOLDER}: the new version's {what}", "stable": names[0]}
    else:
        note = (
            f"its backends: {', '.join(names[:5])}: which one is the new version's?" if names else "it names no backend"
        )
        options |= {
            "canary": f"{PLACEHOLDER}: the new version's {what}",
            "stable": f"{PLACEHOLDER}: the present version's {what}",
        }
    return scene.propose("traffic", of.title, driver, options, traces, 0.5 + of.fits, note)


def _sides(found: list[_Backend]) -> tuple[str, str, str]:
    """Canary, stable, and what speaks for it: their names, or else that one of two has no weight so far."""
    names = list(dict.fromkeys(one.name for one in found))
    new = [one for one in names if NEW.search(one)]
    old = [one for one in names if one not in new]
    if len(new) == 1 and len(old) == 1:
        return new[0], old[0], f"canary {new[0]}, stable {old[0]}, by their names"
    resting = [name for name in names if all(one.weight == 0 for one in found if one.name == name)]
    if len(names) == 2 and len(resting) == 1 and not new:
        other = next(one for one in names if one != resting[0])
        return resting[0], other, f"canary {resting[0]}, stable {other}, as {resting[0]} has the weight 0"
    return "", "", ""


def _each(found: list[_Backend]) -> list[_Backend]:
    """The first of each name."""
    return list({one.name: one for one in reversed(found)}.values())[::-1]


def _service(item: str) -> str:
    found = re.search(_NAME, item, re.MULTILINE)
    return found[1] if found else ""


def _destination(item: str) -> str:
    host, subset = re.search(_HOST, item, re.MULTILINE), re.search(_SUBSET, item, re.MULTILINE)
    return f"{host[1]}/{subset[1] if subset else ''}" if host else ""


def _subset(name: str) -> str:
    return name.partition("/")[2]


def _host(name: str) -> str:
    return name.partition("/")[0]


def _backends(lines: list[Line], key: str, name_of: Callable[[str], str]) -> list[_Backend]:
    found = []
    for line, item in items(lines, key):
        if name := name_of(item):
            weight = re.search(_WEIGHT, item, re.MULTILINE)
            found.append(_Backend(name, int(weight[1]) if weight else None, line))
    return found[:MOST_BACKENDS]


def items(lines: list[Line], key: str) -> Iterator[tuple[Line, str]]:
    """The items of every list that is called `key`, each with its first line; also those in braces."""
    opening = re.compile(rf"""(\s*(?:-\s+)*)["']?{key}["']?\s*:\s*(.*)$""")
    for place, line in enumerate(lines):
        start = opening.match(line.text)
        if start is None:
            continue
        if start[2].startswith("["):
            yield from ((line, one) for one in _FLOW.findall(start[2]))
            continue
        yield from _listed(lines[place + 1 :], len(start[1]))


def _listed(lines: list[Line], depth: int) -> Iterator[tuple[Line, str]]:
    """`depth`: where the list's key begins; its items begin there or further in."""
    item: list[Line] = []
    dash = -1
    for line in lines:
        text = line.text
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        at = len(text) - len(text.lstrip())
        starts = text.lstrip().startswith("-")
        if dash < 0:
            if not starts or at < depth:
                return
            dash = at
        elif at < dash or (at == dash and not starts):
            break
        if at == dash:
            if item:
                yield item[0], "\n".join(one.text for one in item)
            item = []
        item.append(line)
    if item:
        yield item[0], "\n".join(one.text for one in item)
