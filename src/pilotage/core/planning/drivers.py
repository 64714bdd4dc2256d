"""The sections that reach the world: what the repository speaks for, else a placeholder saying what belongs there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pilotage.core.brief import Brief
from pilotage.core.model import Strategy
from pilotage.core.planning.entries import Entry, one_line
from pilotage.core.proposals import Port, Proposal, Repository
from pilotage.core.requestpresets import REQUESTS

PLACEHOLDER = "REPLACE_ME"
_UNNAMED = re.compile(r"[^A-Za-z0-9._-]+")
"""What a driver's name may not hold."""
_OTHERS = (
    'Or: {name: proxy, driver: envoy, runtime_dir: runtime, key: payment.canary, admin: "http://127.0.0.1:9901"}',
    'Or: {name: flag, driver: flagd-file, file: flags.json, flag: new-payment, on: "on", off: "off"}',
    "Or: {name: proxy, driver: haproxy, socket: /run/haproxy/admin.sock, backend: app, canary: [new1], stable: [old1]}",
    "Or: {name: route, driver: gateway-api, route: payment, canary: payment-canary, stable: payment-stable}",
    'Or: {name: script, driver: shell, set: ["./traffic.sh", "set", "{weight}"], read: ["./traffic.sh", "get"]}',
)
_GROUPS = {
    "envoy": "cluster in Envoy",
    "traefik": "service in Traefik, such as payment-canary@file,",
    "haproxy": "server in HAProxy",
    "istio": "destination_version in Istio",
}
"""What has the versions' names in a proxy that counts requests by version: the preset's name is the driver's."""
FLAGS = frozenset(
    {"flagd-file", "unleash", "launchdarkly", "flagsmith", "flipt", "growthbook", "configcat", "statsig", "posthog"}
)
"""Drivers that move users by a flag."""
_KEYS = ("flag", "feature", "gate")
"""What these call the flag's name."""
_TIME = 'the buckets of a histogram, such as request_seconds_bucket{group="$group"}'


def missing(what: str) -> str:
    return f"{PLACEHOLDER}: {what}"


def deploy(repository: Repository, strategy: Strategy = Strategy.CANARY) -> list[Entry]:
    proposal = repository.best("deploy")
    word = _WORDS.get(strategy, "")
    if proposal is None and strategy is Strategy.ROLLING:
        head = ("How one server gets the new version. Or: {driver: shell, command: [./deploy.sh, ...]}",)
        command = [missing("the command on the server that installs a version"), "{version}"]
        row: Mapping[str, Any] = {"name": "install", "driver": "ssh", "host": "{server}", "command": command}
        return [Entry("deploy", [row], above=(*head, *others(repository, "deploy", None)), gap=True)]
    if proposal is None:
        inside = f'"{word}", ' if word else ""
        example = f'  - {{name: rollout-script, driver: shell, command: ["./deploy.sh", {inside}"{{version}}"]}}'
        head = ("How the new version gets there. Leave it commented out when it is deployed already.",)
        return [Entry(gap=True, above=(*head, "deploy:", example, *others(repository, "deploy", None)))]
    head = ("How the new version gets there. Leave this out when it is deployed already.",)
    if word:
        whom = "each server" if strategy is Strategy.ROLLING else "the idle colour"
        head = (f"How {whom} gets the new version: the others must stay as they are.",)
    above = (*head, *why(proposal), *others(repository, "deploy", proposal))
    return [Entry("deploy", [_there(_row(proposal), word)], above=above, gap=True)]


_WORDS = {Strategy.BLUE_GREEN: "{idle}", Strategy.ROLLING: "{server}"}
"""Where a deploy goes to, where that is not everywhere."""
_OBJECTS = ("deployment", "statefulset", "daemonset")


def _there(row: Mapping[str, Any], word: str) -> Mapping[str, Any]:
    """A command that does not say where it deploys to may deploy everywhere: a person has to say how it takes that."""
    command = row.get("command")
    if not word or any(word in str(one) for one in (command if isinstance(command, list) else row.values())):
        return row
    if isinstance(command, list):
        return {**row, "command": [*command, missing(f"{word}, in the way that the command takes it")]}
    objects = [key for key in _OBJECTS if key in row]
    return {**row, **{key: missing(f"the object with {word} in its name, such as payment-{word}") for key in objects}}


def health(repository: Repository, word: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A check of one server or colour, and what speaks for it."""
    found = [one for one in repository.proposals if one.port == "checks" and one.driver == "http"]
    if found:
        best = max(found, key=lambda one: one.confidence)
        path = re.sub(r"^[a-z]+://[^/?#]*|[?#].*", "", str(best.options.get("url", ""))) or "/"
        return {"check": "http", "url": missing(f"the address, such as http://{word}:8080{path}")}, why(best)
    return {"check": "http", "url": missing(f"its health page, such as http://{word}:8080/healthz")}, ()


def traffic(brief: Brief, repository: Repository) -> list[Entry]:
    above = "What moves the traffic; set in this order, undone in reverse order."
    wanted = brief.flag is not None and brief.flag.value.wanted
    proposal = _splitter(repository, wanted)
    if proposal is not None:
        seen = (*why(proposal), *others(repository, "traffic", proposal))
        row = dict(_row(proposal))
        if wanted and brief.flag is not None and (name := one_line(brief.flag.value.name)):
            row |= {key: name for key in _KEYS if str(row.get(key, "")).startswith(PLACEHOLDER)}
        return [Entry("traffic", [row], above=(above, *seen), gap=True)]
    row = {
        "name": "splitter",
        "driver": missing("envoy, haproxy, flagd-file or shell, with its options as below"),
    }
    if wanted and brief.flag is not None:
        row = {
            "name": "flag",
            "driver": "flagd-file",
            "file": missing("the flag definition file (JSON), relative to this file"),
            "flag": one_line(brief.flag.value.name) or missing("the flag's key in that file"),
            "on": "on",
            "off": "off",
        }
    seen = others(repository, "traffic", None)
    return [Entry("traffic", [row], above=(above, *_OTHERS, *seen), gap=True)]


def _splitter(repository: Repository, flag: bool) -> Proposal | None:
    """A flag only where the brief wants one; and where it does, nothing else."""
    usable = [one for one in repository.proposals if one.port == "traffic" and one.driver]
    fitting = [one for one in usable if (one.driver in FLAGS) == flag]
    return max(fitting, key=lambda one: one.confidence, default=None)


def metrics(brief: Brief, repository: Repository, known_bad: bool) -> list[Entry]:
    source, row, preset = _source(brief, repository)
    wanted = brief.flag is not None and brief.flag.value.wanted
    what = _GROUPS.get(preset, "label value")
    groups = {
        "canary": missing(f"the {what} of the new version's series"),
        "control": missing(f"the {what} of the running version's series"),
    }
    sections = [
        Entry("sources", (Entry(source, row),)),
        Entry("groups", groups),
        *_requests(source, preset, _splitter(repository, wanted)),
    ]
    if known_bad:
        bug = {
            "source": source,
            "total": missing("counter of the attempts that can meet the bug, with $group"),
            "bad": missing("counter of the attempts that met it, with $group"),
            "target": "0.5%",
        }
        above = ("The bug's own metric: it shows whether the fix works. `target` is what the fix must stay below.",)
        sections.append(Entry("bug", bug, above=above))
    sections.append(
        Entry(
            above=(
                "System health and users' tickets, where you measure them:",
                "guards:",
                "  - {preset: process, source: app, select: 'group=\"$group\"'}",
                "tickets: {source: app, total: 'support_tickets_created_total{service=\"...\"}'}",
            )
        )
    )
    proposal = repository.best("metrics")
    seen = why(proposal) if proposal else ()
    head = "What is read at every tick. $group becomes the group's name."
    return [Entry("metrics", tuple(sections), above=(head, *seen), gap=True)]


def _requests(source: str, preset: str, splitter: Proposal | None) -> list[Entry]:
    """Errors and latency: as the proxy counts them, or written out."""
    if preset:
        without = REQUESTS[preset].without
        above = (f"Errors and latency as {preset} counts them; `pilotage metrics try` shows what comes.",)
        more = (f"No latency: {without}.",) if without else ()
        row = {"preset": preset, "source": source}
        if preset == "haproxy":
            backend = splitter.options.get("backend") if splitter is not None else None
            row["select"] = f'proxy="{backend}"' if backend else missing('the backend, as in proxy="payment"')
        if preset == "istio":
            row["select"] = missing('matchers that name the service, as in destination_service_name="payment"')
        return [Entry("requests", row, above=(*above, *more))]
    total = missing('counter of all requests, such as requests_total{group="$group"}')
    bad = missing('counter of failed requests, such as requests_total{group="$group",code=~"5.."}')
    time = {"source": source, "histogram": missing(_TIME), "unit": "s"}
    return [
        Entry("errors", {"source": source, "total": total, "bad": bad}),
        Entry("latency", time, above=("Leave `latency` out when it is not measured.",)),
    ]


def _source(brief: Brief, repository: Repository) -> tuple[str, dict[str, Any], str]:
    """Name, driver, and the preset of the proxy that splits the traffic, where what is read can be its counters."""
    splitter = _splitter(repository, brief.flag is not None and brief.flag.value.wanted)
    proxy = splitter.driver if splitter is not None and splitter.driver in _GROUPS else ""
    proposal = repository.best("metrics")
    if proposal is not None:
        name = _UNNAMED.sub("-", proposal.name).strip("-._")[:63] or "app"
        own = proposal.driver == "prometheus" or (proposal.driver == "scrape" and proposal.name == proxy)
        return name, {"driver": proposal.driver, **proposal.options}, proxy if own else ""
    if envoy := _envoy(repository):
        return "proxy", {"driver": "scrape", "urls": [envoy]}, "envoy"
    address = "the address of a page of metrics, such as http://127.0.0.1:9901/stats/prometheus"
    return "app", {"driver": "scrape", "urls": [missing(address)]}, ""


def _envoy(repository: Repository) -> str:
    """The address of the page of metrics of the Envoy that splits the traffic."""
    for one in repository.proposals:
        admin = one.options.get("admin")
        if one.driver == "envoy" and isinstance(admin, str) and not admin.startswith(PLACEHOLDER):
            return admin.rstrip("/") + "/stats/prometheus"
    return ""


def logs(repository: Repository) -> list[Entry]:
    head = "Both versions' logs: what the new one logs and the old one never did. A crash goes back, other errors hold."
    proposal = repository.best("logs")
    seen: tuple[str, ...] = why(proposal) if proposal else ()
    example = '{driver: files, paths: ["/var/log/new/*.log"]}'
    shown = (
        "logs:",
        f"  canary: {example}",
        f"  control: {example.replace('new', 'old')}",
        '  bug: "a text that the bug\'s own entries hold"',
    )
    return [Entry(gap=True, above=(head, *seen, *others(repository, "logs", proposal), *shown))]


def _row(proposal: Proposal) -> Mapping[str, Any]:
    name = _UNNAMED.sub("-", proposal.name).strip("-._")[:63] or proposal.driver
    return {"name": name, "driver": proposal.driver, **proposal.options}


def why(proposal: Proposal) -> tuple[str, ...]:
    """Where it was seen, and what a person should know of it."""
    seen = "; ".join(str(one) for one in proposal.traces[:3])
    return tuple(one for one in (f"Proposed, as seen in {seen}." if seen else "", proposal.note) if one)


def others(repository: Repository, port: Port, taken: Proposal | None) -> tuple[str, ...]:
    """What else was found for a port: one line each, at most five."""
    rest = [one for one in repository.proposals if one.port == port and one is not taken]
    lines = []
    for one in rest[:5]:
        seen = str(one.traces[0]) if one.traces else ""
        lines.append(f"Also seen: {one.driver or one.name}: {seen}" + (f" - {one.note}" if one.note else ""))
    return tuple(lines)
