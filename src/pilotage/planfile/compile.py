"""The tree -> a Plan. One function per section; nothing here raises: mistakes go to the reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pilotage.core.model import HoldPolicy, Plan, Severity, Strategy
from pilotage.core.strategies import Rhythm
from pilotage.planfile import bluegreen, judging, logging, measuring, moving, preparing, signals, telling, wayback
from pilotage.planfile.document import Node
from pilotage.planfile.names import A_NAME, A_VERSION, NAME, VERSION
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader

PLACEHOLDER = "REPLACE_ME"
SILENCE_S = 60.0
A_PLACEHOLDER = f"the placeholder {PLACEHOLDER}"

_REQUIRED = ("pilotage", "service", "environment", "version", "previous", "severity", "summary", "strategy", "phases")
REQUIRED = (*_REQUIRED, "traffic", "metrics")
_SECTIONS = (*_REQUIRED, "known_bad", "baseline", "tick", "after", "deploy", "traffic", "metrics", "success")
_LATER = ("rollback_when", "expect", "judge", "verdicts", "hold", "notify", "messages", "logs", "rollback", "tracker")
_KNOWN = (*_SECTIONS, *moving.SECTIONS.values(), "drift", *_LATER, "watchdog", *preparing.SECTIONS)
DRIFT = ("hold", "restore")


def required(strategy: object) -> tuple[str, ...]:
    """The sections that a plan of this strategy needs."""
    if strategy == Strategy.ROLLING:
        return (*(one for one in REQUIRED if one not in ("phases", "traffic")), "deploy", "rolling")
    return (*REQUIRED, "blue_green") if strategy == Strategy.BLUE_GREEN else REQUIRED


def compile_plan(reader: Reader, tree: Node, *, directory: str, digest: str) -> Plan | None:
    """The plan, or None when a part is missing. It is only good while `reader.problems` is empty."""
    strategy_node = tree.value.get("strategy") if isinstance(tree.value, dict) else None
    needed = required(strategy_node.value if strategy_node is not None else None)
    top = reader.mapping(tree, "", _KNOWN, needed, shown=moving.EXAMPLES)
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
    strategy = moving.strategy_of(reader, top)
    if strategy is Strategy.BLUE_GREEN:
        top = bluegreen.colours(reader, top)
    known_bad = reader.flag(top.get("known_bad"), "known_bad", True)
    tick = reader.duration(top.get("tick"), "tick", 10.0)
    baseline = reader.duration(top.get("baseline"), "baseline", 30.0, least=0.0)
    if 0 < baseline < tick and "baseline" in top:
        reader.wrong("baseline", top["baseline"], f"0s, or at least one tick ({tick:g}s)")
    said = moving.Versions(version or "", previous or "")
    moved = moving.movement(reader, top, strategy, said, Rhythm(baseline, tick), Path(directory))
    limits = judging.limits(reader, top)
    verdicts = judging.verdicts(reader, top.get("verdicts"), severity)
    expected = judging.expected(reader, top.get("expect"))
    measures, target = measuring.measures(reader, top.get("metrics"), known_bad)
    if measures and measures.tickets and baseline == 0 and "baseline" in top:
        signals.needs_a_baseline(reader, top["baseline"], measures.sources[measures.tickets.source])
    hold = _hold(reader, top.get("hold"))
    notify = telling.channels(reader, top.get("notify"))
    templates = telling.templates(reader, top.get("messages"), Path(directory))
    tracker = driver(reader, top["tracker"], "tracker", "tracker") if "tracker" in top else None
    back = wayback.way_back(reader, top.get("rollback"), moved, previous or "", strategy)
    logs = logging.logs(reader, top.get("logs"))
    preparation = preparing.preparation(reader, top)
    drift = reader.one_of(top.get("drift"), "drift", DRIFT)
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
        strategy=strategy or Strategy.CANARY,
        summary=summary,
        known_bad=known_bad,
        targets=moved.targets,
        phases=moved.phases,
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
        release=moved.release,
        drift="restore" if drift == "restore" else "hold",
    )


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
