"""The section `rollback`: the ways back in their order, what they act on, and what is least bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from pilotage.core import strategies
from pilotage.core.model import DriverRef, Step, Strategy, Target, Way, WayBack
from pilotage.core.preparing import LEAST_BAD, METHODS, LeastBad, Method
from pilotage.drivers import registry
from pilotage.planfile.document import Node
from pilotage.planfile.moving import Movement
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader

KEYS = ("methods", "afterwards", "revert", "probe", "least_bad", "feature", "confirm")
REVERT, FEATURE = "revert", "feature"
"""What the way back alone acts on is called so, where the plan gives it no name."""
CONFIRM_S, CONFIRM_WITHIN_S = 120.0, 300.0


def way_back(reader: Reader, node: Node | None, moved: Movement, previous: str, strategy: Strategy | None) -> WayBack:
    found, targets = reader.mapping(node, "rollback", KEYS), moved.undone
    own: list[Target] = []
    revert = _target(reader, found.get("revert"), REVERT, "deploy", moved.names)
    feature = _target(reader, found.get("feature"), FEATURE, "traffic", moved.names)
    own += [one for one in (revert, feature) if one is not None]
    methods = _methods(reader, found.get("methods"), "rollback.methods")
    usual = strategies.USUAL_WAY[strategy or Strategy.CANARY]
    afterwards = _methods(reader, found.get("afterwards"), "rollback.afterwards")
    if strategy is Strategy.ROLLING:
        _servers_only(reader, found, methods, afterwards)
    elif methods and methods[0] not in ("traffic", "switch"):
        hint = "It is what brings everybody back at once; the others follow when it does not help."
        reader.wrong("rollback.methods", found["methods"], "traffic (or switch) as the first method", methods[0], hint)
    for place, asked in (("methods", methods), ("afterwards", afterwards)):
        _possible(
            reader, found.get(place), f"rollback.{place}", asked, targets, revert is not None or "revert" in found
        )
    if "revert" in found and "revert" not in (*methods, *afterwards):
        hint = "Name it under methods (when nothing else helps) or afterwards (once the traffic is back)."
        reader.wrong("rollback.revert", found["revert"], "the method revert among the ways back", "none", hint)
    least = reader.one_of(found.get("least_bad"), "rollback.least_bad", LEAST_BAD) or "hold"
    if least == "flag-off" and "feature" not in found:
        hint = "feature: {driver: flagd-file, file: ..., flag: ...} is what is switched off."
        reader.wrong("rollback.feature", found["least_bad"], "what flag-off switches off", "nothing", hint)
    if "feature" in found and least != "flag-off":
        reader.wrong("rollback.feature", found["feature"], "least_bad: flag-off, which is what switches it off", least)
    confirm = reader.mapping(found.get("confirm"), "rollback.confirm", ("watch", "within"))
    watch = reader.duration(confirm.get("watch"), "rollback.confirm.watch", CONFIRM_S)
    within = reader.duration(confirm.get("within"), "rollback.confirm.within", max(CONFIRM_WITHIN_S, watch))
    if within < watch:
        reader.wrong("rollback.confirm.within", confirm["within"], f"at least the watch ({watch:g}s)")
    undo = revert.name if revert is not None else REVERT
    return WayBack(
        ways=tuple(
            replace(_way(method, targets, previous, undo), ordered=strategy is not Strategy.ROLLING)
            for method in methods or [usual]
        ),
        targets=tuple(own),
        probe=_probe(reader, found.get("probe")),
        least_bad=cast(LeastBad, least),
        feature=Step(feature.name, "set_weight", weight=0.0) if feature is not None else None,
        confirm_s=watch,
        confirm_within_s=within,
        # Of servers the way back has already seen to those that were changed: only the code is left to be reverted.
        afterwards=tuple(
            _way(method, () if strategy is Strategy.ROLLING else targets, previous, undo) for method in afterwards
        ),
    )


def _servers_only(
    reader: Reader, found: dict[str, Node], methods: Sequence[Method], afterwards: Sequence[Method]
) -> None:
    """Servers are undone one batch after the other: there is no weight, and no other colour."""
    hint = "redeploy brings the previous version back to the servers that were changed, the last one first."
    if methods and methods[0] != "redeploy":
        expected = "redeploy as the first method with strategy rolling"
        reader.wrong("rollback.methods", found["methods"], expected, methods[0], hint)
        return
    for place, asked in (("methods", methods), ("afterwards", afterwards)):
        if wrong := [one for one in asked if one in ("traffic", "switch")]:
            expected = "redeploy and revert only with strategy rolling"
            reader.wrong(f"rollback.{place}", found[place], expected, wrong[0], hint)
            return
    if "redeploy" in afterwards:
        reader.wrong("rollback.afterwards", found["afterwards"], "revert only with strategy rolling", "redeploy", hint)


def _methods(reader: Reader, node: Node | None, path: str) -> list[Method]:
    methods: list[Method] = []
    rows = [] if node is None or node.value == [] else reader.items(node, path, f"methods: {', '.join(METHODS)}")
    for at, row in rows:
        method = reader.one_of(row, at, METHODS)
        if method in methods:
            reader.wrong(at, row, "each method once", f"{method} again")
        elif method is not None:
            methods.append(cast(Method, method))
    return methods


def _possible(
    reader: Reader, node: Node | None, path: str, methods: Sequence[Method], targets: Sequence[Target], revert: bool
) -> None:
    """A way back that could never be taken is refused while there is time."""
    if "redeploy" in methods and not any(one.kind == "deploy" for one in targets):
        hint = "Say under deploy: how a version gets there, or leave redeploy out."
        reader.wrong(path, node, "redeploy only where the plan says how to deploy", "redeploy without deploy:", hint)
    if "revert" in methods and not revert:
        hint = "revert: {driver: git-revert, repository: ., commits: [COMMIT], branch: main}"
        reader.wrong(path, node, "rollback.revert, which says what is reverted", "revert without it", hint)


def _way(method: Method, targets: Sequence[Target], previous: str, undo: str) -> Way:
    if method == "redeploy":
        return Way(method, strategies.redeploy(targets, previous))
    if method == "revert":
        return Way(method, (Step(undo, "deploy", version=previous), *strategies.redeploy(targets, previous)))
    return Way(method, strategies.rollback(targets))


def _target(reader: Reader, node: Node | None, name: str, port: str, taken: Sequence[str]) -> Target | None:
    if node is None:
        return None
    path = f"rollback.{name}"
    ref = driver(reader, node, path, port, ("name",))
    named = node.value.get("name") if isinstance(node.value, dict) else None
    name = (reader.text(named, f"{path}.name", A_NAME, NAME) if named is not None else None) or name
    if name in taken:
        hint = "Say name: ... here."
        reader.wrong(path, node, "a name that no other driver of the plan has", f"{name} again", hint)
    return None if ref is None else Target(name, "deploy" if port == "deploy" else "traffic", ref)


def _probe(reader: Reader, node: Node | None) -> DriverRef | None:
    """``{check: http, url: ...}``: any driver of the port `checks`."""
    if node is None:
        return None
    entries = reader.mapping(node, "rollback.probe", ("check",), ("check",), free=True)
    if entries and reader.one_of(entries.get("check"), "rollback.probe.check", registry.names("checks")) is None:
        return None
    return driver(reader, node, "rollback.probe", "checks", key="check") if entries else None
