"""The tree -> a Plan. One function per section; nothing here raises: mistakes go to the reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pilotage.core import strategies
from pilotage.core.model import (
    DriverRef,
    HoldPolicy,
    LatencyMetric,
    Measures,
    Plan,
    RatioMetric,
    Severity,
    Strategy,
    Target,
)
from pilotage.core.strategies import AfterSpec, PhaseSpec
from pilotage.planfile import judging, logging, preparing, signals, telling, wayback
from pilotage.planfile.document import Node
from pilotage.planfile.names import A_NAME, A_VERSION, LABEL, NAME, VERSION
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader
from pilotage.planfile.signals import source_name

PLACEHOLDER = "REPLACE_ME"
SILENCE_S = 60.0
A_PLACEHOLDER = f"the placeholder {PLACEHOLDER}"

_REQUIRED = ("pilotage", "service", "environment", "version", "previous", "severity", "summary", "strategy", "phases")
REQUIRED = (*_REQUIRED, "traffic", "metrics")
_SECTIONS = (*_REQUIRED, "known_bad", "baseline", "tick", "after", "deploy", "traffic", "metrics", "success")
_LATER = ("rollback_when", "expect", "judge", "verdicts", "hold", "notify", "messages", "logs", "rollback", "tracker")
_KNOWN = (*_SECTIONS, *_LATER, "watchdog", *preparing.SECTIONS)


def compile_plan(reader: Reader, tree: Node, *, directory: str, digest: str) -> Plan | None:
    """The plan, or None when a part is missing. It is only good while `reader.problems` is empty."""
    top = reader.mapping(tree, "", _KNOWN, REQUIRED)
    if not top:
        return None
    if "pilotage" in top and (top["pilotage"].value != 1 or top["pilotage"].value is True):
        reader.wrong("pilotage", top["pilotage"], "the format version 1")
    service = reader.text(top.get("service"), "service", A_NAME, NAME)
    environment = reader.text(top.get("environment"), "environment", A_NAME, NAME)
    version = reader.text(top.get("version"), "version", A_VERSION, VERSION)
    previous = reader.text(top.get("previous"), "previous", A_VERSION, VERSION)
    if version is not None and version == previous:
        reader.wrong("previous", top["previous"], "another version than `version`")
    severity = reader.one_of(top.get("severity"), "severity", [one.value for one in Severity])
    summary = reader.text(top.get("summary"), "summary", "one line of at most 200 characters", limit=200)
    strategy = reader.one_of(top.get("strategy"), "strategy", [one.value for one in Strategy])
    if strategy not in (None, Strategy.CANARY):
        reader.wrong("strategy", top["strategy"], "canary", hint="Blue-green and rolling are not in this release.")
    known_bad = reader.flag(top.get("known_bad"), "known_bad", True)
    tick = reader.duration(top.get("tick"), "tick", 10.0)
    baseline = reader.duration(top.get("baseline"), "baseline", 30.0, least=0.0)
    if 0 < baseline < tick and "baseline" in top:
        reader.wrong("baseline", top["baseline"], f"0s, or at least one tick ({tick:g}s)")
    specs = _phases(reader, top.get("phases"), tick)
    after = _after(reader, top.get("after"))
    targets = _targets(reader, top)
    limits = judging.limits(reader, top)
    verdicts = judging.verdicts(reader, top.get("verdicts"), severity)
    expected = judging.expected(reader, top.get("expect"))
    measures, target = _measures(reader, top.get("metrics"), known_bad)
    if measures and measures.tickets and baseline == 0 and "baseline" in top:
        signals.needs_a_baseline(reader, top["baseline"], measures.sources[measures.tickets.source])
    hold = _hold(reader, top.get("hold"))
    notify = telling.channels(reader, top.get("notify"))
    templates = telling.templates(reader, top.get("messages"), Path(directory))
    tracker = driver(reader, top["tracker"], "tracker", "tracker") if "tracker" in top else None
    back = wayback.way_back(reader, top.get("rollback"), targets, previous or "")
    logs = logging.logs(reader, top.get("logs"))
    preparation = preparing.preparation(reader, top)
    _placeholders(reader, tree)
    if reader.problems or measures is None:
        return None
    if service is None or environment is None or version is None or previous is None:
        return None
    if summary is None or severity is None:
        return None
    return Plan(
        service=service,
        environment=environment,
        version=version,
        previous=previous,
        severity=Severity(severity),
        strategy=Strategy.CANARY,
        summary=summary,
        known_bad=known_bad,
        targets=targets,
        phases=strategies.canary(specs, targets, version=version, baseline_s=baseline, tick_s=tick, after=after),
        rollback=back,
        measures=measures,
        limits=replace(limits, bug_target=target),
        hold=hold,
        notify=notify,
        directory=directory,
        digest=digest,
        verdicts=verdicts,
        expected=expected,
        logs=logs,
        preparation=preparation,
        templates=templates,
        tracker=tracker,
        silence_s=_silence(reader, top.get("watchdog")),
    )


def _phases(reader: Reader, node: Node | None, tick: float) -> list[PhaseSpec]:
    specs: list[PhaseSpec] = []
    highest = 0.0
    rows = reader.items(node, "phases", "phases such as {weight: 10%, watch: 10m}")
    for path, row in rows:
        found = reader.mapping(row, path, ("weight", "watch", "approval"), ("weight", "watch"))
        weight = reader.percent(found.get("weight"), f"{path}.weight", -1.0)
        watch = reader.duration(found.get("watch"), f"{path}.watch", -1.0)
        approval = reader.flag(found.get("approval"), f"{path}.approval", False)
        if 0 <= watch < tick:
            reader.wrong(f"{path}.watch", found["watch"], f"at least one tick ({tick:g}s)")
        if weight >= 0:
            if weight <= highest:
                reader.wrong(f"{path}.weight", found["weight"], f"more than the phase before ({highest:g}%)")
            elif row is rows[-1][1] and weight != 100:
                reader.wrong(f"{path}.weight", found["weight"], "100% in the last phase")
            highest = max(highest, weight)
        specs.append(PhaseSpec(weight, watch, approval))
    return specs


def _after(reader: Reader, node: Node | None) -> AfterSpec | None:
    if node is None:
        return None
    found = reader.mapping(node, "after", ("watch", "tick"), ("watch",))
    tick = reader.duration(found.get("tick"), "after.tick", 60.0)
    watch = reader.duration(found.get("watch"), "after.watch", tick)
    if watch < tick:
        reader.wrong("after.watch", found["watch"], f"at least one tick ({tick:g}s)")
    return AfterSpec(watch, tick)


def _targets(reader: Reader, top: dict[str, Node]) -> tuple[Target, ...]:
    targets: list[Target] = []
    for kind in ("deploy", "traffic"):
        for path, row in reader.items(top.get(kind), kind, f"{kind} drivers"):
            ref = driver(reader, row, path, kind, ("name",))
            if ref is not None and ref.driver == "git-revert":
                hint = "It belongs under rollback.revert."
                reader.wrong(f"{path}.driver", row, "a driver that deploys a new version", "git-revert", hint)
            entries = row.value if isinstance(row.value, dict) else {}
            named = entries.get("name")
            name = reader.text(named, f"{path}.name", A_NAME, NAME) if named else (ref.driver if ref else None)
            if name is not None and any(one.name == name for one in targets):
                reader.wrong(f"{path}.name", named or row, "a name of its own", f'"{name}" again', "Add name: ...")
            if name is not None:
                ref = ref or DriverRef("", {})
                targets.append(Target(name, "deploy" if kind == "deploy" else "traffic", ref))
    return tuple(targets)


def _measures(reader: Reader, node: Node | None, known_bad: bool) -> tuple[Measures | None, float]:
    known = ("sources", "groups", "errors", "latency", "bug", "guards", "tickets")
    found = reader.mapping(node, "metrics", known, ("sources", "groups", "errors"))
    if not found:
        return None, 0.005
    rows = found.get("sources")
    sources: dict[str, DriverRef] = {}
    if rows is not None and (not isinstance(rows.value, dict) or not rows.value):
        reader.wrong("metrics.sources", rows, "a mapping of source names to metrics drivers")
    elif rows is not None:
        for name, row in rows.value.items():
            sources[name] = driver(reader, row, f"metrics.sources.{name}", "metrics") or DriverRef("", {})
    groups = reader.mapping(found.get("groups"), "metrics.groups", ("canary", "control"), ("canary", "control"))
    a_label = "a label of letters, digits and _.:/@-"
    canary = reader.text(groups.get("canary"), "metrics.groups.canary", a_label, LABEL)
    control = reader.text(groups.get("control"), "metrics.groups.control", a_label, LABEL)
    if canary is not None and canary == control:
        reader.wrong("metrics.groups.control", groups["control"], "another label than canary's")
    errors = _ratio(reader, found.get("errors"), "metrics.errors", sources, "errors")
    bug_node, target = found.get("bug"), 0.005
    bug = _ratio(reader, bug_node, "metrics.bug", sources, "bug")
    if bug_node is not None and isinstance(bug_node.value, dict):
        target = reader.percent(bug_node.value.get("target"), "metrics.bug.target", 0.5) / 100
    elif bug_node is None and known_bad and node is not None:
        hint = "Add metrics.bug (total, bad), or write known_bad: false when the running version is healthy."
        reader.wrong("metrics.bug", node, "the bug's own metric, as known_bad is true", "nothing", hint)
    latency = _latency(reader, found.get("latency"), sources)
    guards = signals.guards(reader, found.get("guards"), sources, errors)
    tickets = signals.tickets(reader, found.get("tickets"), sources)
    if errors is None or canary is None or control is None:
        return None, target
    return Measures(sources, canary, control, errors, latency, bug, guards, tickets), target


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
    return RatioMetric(name or default, source, total, bad)


def _latency(reader: Reader, node: Node | None, sources: dict[str, DriverRef]) -> LatencyMetric | None:
    path = "metrics.latency"
    found = reader.mapping(node, path, ("source", "histogram", "unit"), ("source", "histogram"))
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    histogram = _selector(reader, found.get("histogram"), f"{path}.histogram")
    unit = reader.one_of(found.get("unit"), f"{path}.unit", ("s", "ms"))
    if source is None or histogram is None:
        return None
    return LatencyMetric("latency", source, histogram, "ms" if unit == "ms" else "s")


def _hold(reader: Reader, node: Node | None) -> HoldPolicy:
    found = reader.mapping(node, "hold", ("deadline", "then", "reports"))
    deadline = reader.duration(found.get("deadline"), "hold.deadline", 600.0)
    then = reader.one_of(found.get("then"), "hold.then", ("rollback", "ask"))
    reports = reader.number(
        found.get("reports"), "hold.reports", 3, "a whole number from 1", lambda n: n >= 1 and n == int(n)
    )
    return HoldPolicy(deadline, "ask" if then == "ask" else "rollback", int(reports))


def _silence(reader: Reader, node: Node | None) -> float:
    """``watchdog: {silence: 1m}``"""
    found = reader.mapping(node, "watchdog", ("silence",), ("silence",))
    return reader.duration(found.get("silence"), "watchdog.silence", SILENCE_S, least=2.0)


def _placeholders(reader: Reader, tree: Node) -> None:
    """A placeholder is one clear problem; whatever else was said about its place is a consequence of it."""
    for path, node in tree.walk():
        if isinstance(node.value, str) and node.value.startswith(PLACEHOLDER):
            wanted = node.value.removeprefix(PLACEHOLDER).lstrip(": ")[:150] or "a value of yours"
            reader.problems = [
                one
                for one in reader.problems
                if one.path != path and not path.startswith((f"{one.path}.", f"{one.path}["))
            ]
            reader.wrong(path, node, wanted, A_PLACEHOLDER, "Fill it in.")
