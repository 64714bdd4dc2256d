"""Brief -> draft -> a commented plan file. What the brief does not say becomes a placeholder that `check` refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pilotage.core import policy, power
from pilotage.core.brief import Brief
from pilotage.core.model import Severity, Strategy

PLACEHOLDER = "REPLACE_ME"
USUAL_ERRORS = 0.003
"""Error rate assumed in the power line before anything was measured."""

KINDS_DRAFTED = 4
"""Kinds of evidence that roll back in a drafted plan: errors, the absolute limit, latency, the bug."""

_MINUTES = {Severity.P0: 10, Severity.P1: 15, Severity.P2: 30}


@dataclass(frozen=True)
class DraftPhase:
    """Weight in percent, watch in minutes; `note` says what traffic it will get and what that can show."""

    weight: int
    watch_min: int
    note: str


@dataclass(frozen=True)
class PlanDraft:
    """Texts are ready to write: a fact of the brief, or a placeholder that says what belongs there."""

    brief: str
    service: str
    environment: str
    version: str
    previous: str
    severity: str
    summary: str
    strategy: Strategy
    feature_flag: bool
    phases: tuple[DraftPhase, ...]
    notes: tuple[str, ...]
    requests_per_day: float | None = None


def draft(brief: Brief) -> PlanDraft:
    """Severity sets the watches; without one the longest watch is drafted."""
    minutes = _MINUTES[brief.severity.value if brief.severity else Severity.P2]
    per_day = brief.traffic.value.per_s * 86400 if brief.traffic else None
    watches = ((10, minutes), (50, minutes), (100, 30))
    notes = [f"CONFLICT {one}" for one in brief.conflicts]
    notes += [f"ASSUMED {one}" for one in _assumed(brief)]
    if brief.impact and brief.impact.value.share is not None:
        notes.append(f"Impact: {brief.impact.value.share * 100:g} % of {_one_line(brief.impact.value.what)}.")
    if per_day is None:
        notes.append("MISSING requests per day: without them nobody can say what a phase will be able to see.")
    return PlanDraft(
        brief=_one_line(brief.text)[:500],
        service=_text(brief.services[0].value if brief.services else None, "the service's name, such as payment"),
        environment=_text(
            brief.environment.value if brief.environment else None, "the environment, such as production"
        ),
        version=_text(brief.version.value if brief.version else None, 'the version to bring out, such as "2.4.1"'),
        previous=_text(brief.previous.value if brief.previous else None, "the version running now, to go back to"),
        severity=_text(brief.severity.value if brief.severity else None, "P0, P1 or P2"),
        summary=_text(brief.summary.value if brief.summary else None, "one line: what this changes"),
        strategy=brief.strategy.value if brief.strategy else Strategy.CANARY,
        feature_flag=brief.flag is not None and brief.flag.value.wanted,
        phases=tuple(DraftPhase(weight, watch, _traffic_note(weight, watch, per_day)) for weight, watch in watches),
        notes=tuple(notes),
        requests_per_day=per_day,
    )


def _assumed(brief: Brief) -> list[str]:
    assumed = []
    if brief.strategy is None:
        assumed.append("strategy canary: the default for a hot-fix, its first step is the smallest.")
    elif brief.strategy.value is not Strategy.CANARY:
        assumed.append(f"nothing for strategy {brief.strategy.value}: this release refuses it; canary is possible.")
    if brief.services and brief.services[0].confidence < 1:
        assumed.append(f"service {_one_line(brief.services[0].value)}: read out of the summary. Check it.")
    assumed.append("known_bad true: a hot-fix replaces a sick version.")
    return assumed


def _traffic_note(weight: int, minutes: int, per_day: float | None) -> str:
    if per_day is None:
        return "requests per day unknown"
    said = power.sentence(weight, minutes * 60.0, per_day / 86400, USUAL_ERRORS)
    return f"{weight} % of {_short(per_day)}/day for {minutes} min = {said}"


def render_plan(draft: PlanDraft) -> str:
    """The plan file's text, the same byte for byte for the same draft."""
    lines = [f"# Brief: {draft.brief}" if draft.brief.strip() else "# Brief: (empty)"]
    lines += [f"# {note}" for note in draft.notes]
    lines += [f"# Fill in every {PLACEHOLDER}, then run `pilotage check` on this file.", ""]
    lines += [
        "pilotage: 1",
        f"service: {draft.service}",
        f"environment: {draft.environment}",
        f"version: {draft.version}",
        f"previous: {draft.previous}",
        f"severity: {draft.severity}",
        f"summary: {draft.summary}",
        f"strategy: {draft.strategy.value}",
        "known_bad: true        # the running version is the sick one; false when it is healthy",
        "baseline: 30s          # both versions are recorded before any traffic moves",
        "tick: 10s              # how often the evidence is looked at",
        "",
        "phases:",
    ]
    if draft.requests_per_day is not None:
        usual = f"{USUAL_ERRORS * 100:g}%"
        expected = f"expect: {{requests: {draft.requests_per_day:.0f}/day, errors: {usual}}}"
        lines.insert(-1, f"{expected}  # what `pilotage check` and `simulate` reckon with")
    for phase in draft.phases:
        lines.append(f"  - {{weight: {phase.weight}%, watch: {phase.watch_min}m}}  # {phase.note}")
    lines += ["after: {watch: 1h, tick: 1m}  # lighter monitoring at 100 %", ""]
    rest = _TEMPLATE.replace("<TRAFFIC>", _FLAG if draft.feature_flag else _SPLITTER)
    judged = len(draft.phases) + 1
    return "\n".join(lines) + rest.replace("<BUDGET>", policy.budget_sentence(KINDS_DRAFTED, judged, 0.01))


_FLAG = """\
  - name: flag
    driver: flagd-file
    file: "REPLACE_ME: the flag definition file (JSON), relative to this file"
    flag: "REPLACE_ME: the flag's key in that file"
    on: "on"             # the variant that sends a user to the new version
    off: "off"
  # Or a proxy, or your own scripts:
  # - {name: proxy, driver: envoy, runtime_dir: runtime, key: payment.canary, admin: "http://127.0.0.1:9901"}
  # - {name: script, driver: shell, set: ["./traffic.sh", "set", "{weight}"], read: ["./traffic.sh", "get"]}
"""
_SPLITTER = """\
  - name: splitter
    driver: "REPLACE_ME: envoy, flagd-file or shell, with that driver's options as below"
  # - {name: proxy, driver: envoy, runtime_dir: runtime, key: payment.canary, admin: "http://127.0.0.1:9901"}
  # - {name: flag, driver: flagd-file, file: flags.json, flag: new-payment, on: "on", off: "off"}
  # - {name: script, driver: shell, set: ["./traffic.sh", "set", "{weight}"], read: ["./traffic.sh", "get"]}
"""
_TEMPLATE = """
# How the new version gets there. Leave it commented out when it is deployed already.
# deploy:
#   - {name: rollout-script, driver: shell, command: ["./deploy.sh", "{version}"]}

# What moves the traffic; set in this order, undone in reverse order.
traffic:
<TRAFFIC>
# What is read at every tick. $group becomes the group's name.
metrics:
  sources:
    app:
      driver: scrape
      urls: ["REPLACE_ME: the address of a page of metrics, such as http://127.0.0.1:9901/stats/prometheus"]
  groups:
    canary: "REPLACE_ME: the label value of the new version's series"
    control: "REPLACE_ME: the label value of the running version's series"
  errors:
    source: app
    total: "REPLACE_ME: counter of all requests, such as rq_total{cluster=\\"$group\\"}"
    bad: "REPLACE_ME: counter of failed requests, such as rq_xx{cluster=\\"$group\\",class=\\"5\\"}"
  # latency: {source: app, histogram: 'rq_time_bucket{cluster="$group"}', unit: ms}
  bug:                   # the bug's own metric: shows whether the fix works
    source: app
    total: "REPLACE_ME: counter of the attempts that can meet the bug, with $group"
    bad: "REPLACE_ME: counter of the attempts that met it, with $group"
    target: 0.5%         # what the fix must stay below
  # System health and users' tickets, where you measure them:
  # guards:
  #   - {preset: process, source: app, select: 'group="$group"'}
  # tickets: {source: app, total: 'support_tickets_created_total{service="..."}'}

# Both versions' logs: what the new version logs and the old one never did. A crash goes back at once, others hold.
# logs:
#   canary: {driver: files, paths: ["/var/log/new/*.log"]}
#   control: {driver: files, paths: ["/var/log/old/*.log"]}
#   bug: "a text that the bug's own entries hold"

success: {errors: 0.5%, p95: 10%, min_requests: 50, share_tolerance: 5}
rollback_when: {errors: 2%, p95: 2x}
hold: {deadline: 10m, then: rollback}  # a doubt that does not clear; or then: ask

# <BUDGET>
judge: {false_alarms: 1%, pass_early: false}
# What a finding leads to, where you want it otherwise (rollback, hold or ask; also by severity):
# verdicts:
#   latency-changed: {P0: hold, P2: ask}

notify:
  - {driver: console}
  # - {driver: webhook, url: {env: HOOK_URL}}
"""


def _text(value: str | None, wanted: str) -> str:
    return json.dumps(f"{PLACEHOLDER}: {wanted}" if value is None else _one_line(str(value)), ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _short(number: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.4g}{letter}"
    return f"{number:.4g}"
