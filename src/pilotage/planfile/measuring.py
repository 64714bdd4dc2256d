"""The section `metrics`: where the numbers come from, and how canary and control are called there."""

from __future__ import annotations

from pilotage.core.model import DriverRef, LatencyMetric, Measures, RatioMetric
from pilotage.planfile import signals
from pilotage.planfile.document import Node
from pilotage.planfile.names import LABEL
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader, did_you_mean
from pilotage.planfile.requests import none_is_everybody, requests
from pilotage.planfile.signals import source_name, understood

WHAT = ("errors", "requests")
"""What a plan must have one of."""


_KNOWN = ("sources", "groups", "requests", "errors", "latency", "bug", "guards", "tickets")


def measures(reader: Reader, node: Node | None, known_bad: bool) -> tuple[Measures | None, float]:
    found = reader.mapping(node, "metrics", _KNOWN, ("sources", "groups"))
    if not found or node is None:
        return None, 0.005
    if not found.keys() & {"errors", "requests"} and not any(did_you_mean(key, WHAT) for key in node.value):
        hint = "Written out (source, total, bad), or requests: {preset: envoy, source: ...}."
        reader.wrong("metrics.errors", node, "the key errors, or requests", "nothing", hint)
    sources = _sources(reader, found.get("sources"))
    canary, control = _groups(reader, found.get("groups"))
    preset = requests(reader, found.get("requests"), sources)
    errors = _ratio(reader, found.get("errors"), "metrics.errors", sources, "errors")
    if "errors" not in found and preset:
        errors = preset.errors
    bug_node, target = found.get("bug"), 0.005
    bug = _ratio(reader, bug_node, "metrics.bug", sources, "bug")
    if bug_node is not None and isinstance(bug_node.value, dict):
        target = reader.percent(bug_node.value.get("target"), "metrics.bug.target", 0.5) / 100
    elif bug_node is None and known_bad:
        hint = "Add metrics.bug (total, bad), or write known_bad: false when the running version is healthy."
        reader.wrong("metrics.bug", node, "the bug's own metric, as known_bad is true", "nothing", hint)
    latency = _latency(reader, found.get("latency"), sources)
    left_out: tuple[str, ...] = ()
    if "latency" not in found and preset:
        latency, left_out = preset.latency, preset.left_out
    guards = signals.guards(reader, found.get("guards"), sources, errors)
    tickets = signals.tickets(reader, found.get("tickets"), sources)
    if "" in (canary, control):
        texts = [text for one in (errors, bug) if one for text in (one.total, one.bad)]
        texts += [one.histogram for one in (latency,) if one] + [one.value for one in guards]
        none_is_everybody(reader, found["groups"], texts)
    if errors is None or canary is None or control is None:
        return None, target
    return Measures(sources, canary, control, errors, latency, bug, guards, tickets, left_out), target


def _sources(reader: Reader, rows: Node | None) -> dict[str, DriverRef]:
    sources: dict[str, DriverRef] = {}
    if rows is not None and (not isinstance(rows.value, dict) or not rows.value):
        reader.wrong("metrics.sources", rows, "a mapping of source names to metrics drivers")
    elif rows is not None:
        for name, row in rows.value.items():
            sources[name] = driver(reader, row, f"metrics.sources.{name}", "metrics") or DriverRef("", {})
    return sources


def _groups(reader: Reader, node: Node | None) -> tuple[str | None, str | None]:
    """The label's values of canary and control; an empty one is the series without that label."""
    groups = reader.mapping(node, "metrics.groups", ("canary", "control"), ("canary", "control"))
    a_label = 'a label of letters, digits and _.:/@-, or "" for the series without it'

    def group(name: str) -> str | None:
        one = groups.get(name)
        return "" if one is not None and one.value == "" else reader.text(one, f"metrics.groups.{name}", a_label, LABEL)

    canary, control = group("canary"), group("control")
    if canary is not None and canary == control:
        reader.wrong("metrics.groups.control", groups["control"], "another label than canary's")
    return canary, control


def _selector(reader: Reader, node: Node | None, path: str) -> str | None:
    selector = reader.text(node, path, "a selector", limit=1000)
    if node is not None and selector is not None and "$group" not in selector:
        hint = "Without it the canary and the control would be the same series."
        reader.wrong(path, node, "a selector with $group", hint=hint)
        return None
    return selector


def _ratio(
    reader: Reader, node: Node | None, path: str, sources: dict[str, DriverRef], default: str
) -> RatioMetric | None:
    required = ("source", "total", "bad")
    known = (*required, "name", "target") if default == "bug" else required
    found = reader.mapping(node, path, known, required)
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    total = _selector(reader, found.get("total"), f"{path}.total")
    bad = _selector(reader, found.get("bad"), f"{path}.bad")
    name = reader.text(found.get("name"), f"{path}.name", "one line of at most 80 characters", limit=80)
    if source is None or total is None or bad is None:
        return None
    for row in ("total", "bad"):
        if not understood(reader, found[row], f"{path}.{row}", sources[source]):
            return None
    return RatioMetric(name or default, source, total, bad)


def _latency(reader: Reader, node: Node | None, sources: dict[str, DriverRef]) -> LatencyMetric | None:
    path = "metrics.latency"
    found = reader.mapping(node, path, ("source", "histogram", "unit"), ("source", "histogram"))
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    histogram = _selector(reader, found.get("histogram"), f"{path}.histogram")
    unit = reader.one_of(found.get("unit"), f"{path}.unit", ("s", "ms"))
    if source is None or histogram is None:
        return None
    if not understood(reader, found["histogram"], f"{path}.histogram", sources[source]):
        return None
    return LatencyMetric("latency", source, histogram, "ms" if unit == "ms" else "s")
