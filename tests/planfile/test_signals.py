"""``metrics.guards`` and ``metrics.tickets``: what a plan may write, and how mistakes are answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import Measures
from pilotage.core.signals import GuardMetric, TicketMetric
from pilotage.drivers.metrics.exposition import parse_selector
from pilotage.planfile.presets import PRESETS

PLAN = """\
pilotage: 1
service: payment
environment: production
version: "2.4.1"
previous: "2.4.0"
severity: P0
summary: payment null pointer hot-fix
strategy: canary
known_bad: false
phases: [{weight: 10%, watch: 10m}, {weight: 100%, watch: 30m}]
traffic:
  - {name: proxy, driver: envoy, runtime_dir: runtime, key: payment.canary, admin: "http://127.0.0.1:9901"}
metrics:
  sources:
    prom: {driver: prometheus, url: "http://127.0.0.1:9090"}
    page: {driver: scrape, urls: ["http://127.0.0.1:9901/stats/prometheus"]}
  groups: {canary: new, control: old}
  errors: {source: prom, total: 'rq{job="shop",track="$group"}', bad: 'rq5{track="$group"}'}
"""
LINE = PLAN.count("\n") + 2
"""Of the first guard."""


def measures(guards: str = "", tickets: str = "") -> Measures:
    text = PLAN + (f"  guards:\n    - {guards}\n" if guards else "") + (f"  tickets: {tickets}\n" if tickets else "")
    return planfile.load(text, directory=Path("/plans")).measures


def problem(guards: str = "", tickets: str = "") -> Problem:
    with pytest.raises(PlanError) as caught:
        measures(guards, tickets)
    (only,) = caught.value.problems
    return only


# ------------------------------------------------------------------ what a plan may write


def test_a_guard_of_ones_own() -> None:
    (guard,) = measures(
        "{name: db connections, source: prom, value: 'pg_stat_activity_count{app=\"$group\"}', kind: gauge,"
        " worse_than_control: 2x, limit: 80, per: total}"
    ).guards
    value = 'pg_stat_activity_count{app="$group"}'
    assert guard == GuardMetric("db connections", "prom", value, "gauge", "total", 2.0, 80.0, floor=4.0)


def test_the_usual_values_and_sizes() -> None:
    (guard,) = measures(
        "{name: heap, source: page, value: 'heap{g=\"$group\"}', unit: bytes, limit: 1.5GiB, floor: 64MiB}"
    ).guards
    assert (guard.kind, guard.per, guard.worse_than_control) == ("gauge", "instance", 1.5)
    assert (guard.limit, guard.floor) == (1.5 * 1024**3, 64 * 1024**2)
    (disk,) = measures(
        "{name: disk, source: page, value: 'used{g=\"$group\"}', limit: 90%, worse_than_control: off}"
    ).guards
    assert (disk.limit, disk.worse_than_control) == (0.9, None)


def test_prometheus_is_asked_for_a_counters_rate_between_scrapes() -> None:
    guards = "{name: gc, source: %s, value: 'gc_seconds_total{g=\"$group\"}', kind: counter}"
    (asked,) = measures(guards % "prom").guards
    assert (asked.value, asked.kind) == ('irate(gc_seconds_total{g="$group"}[2m])', "rate")
    (scraped,) = measures(guards % "page").guards
    assert (scraped.value, scraped.kind) == ('gc_seconds_total{g="$group"}', "counter")


def test_a_preset_takes_its_labels_from_the_errors_metric() -> None:
    guards = measures("{preset: process, source: prom}").guards
    assert [one.name for one in guards] == ["process cpu", "process memory", "process open files"]
    assert guards[0].value == 'irate(process_cpu_seconds_total{track="$group"}[2m])'
    assert guards[1].value == 'process_resident_memory_bytes{track="$group"}'
    assert (guards[0].unit, guards[1].unit) == ("cores", "bytes")


def test_a_preset_with_labels_limits_and_a_choice() -> None:
    guards = measures(
        '{preset: node-exporter, source: prom, select: \'job="shop",track="$group"\', only: [node cpu, node memory],'
        " limits: {node memory: 80%}}"
    ).guards
    assert [(one.name, one.limit, one.unit) for one in guards] == [
        ("node cpu", 0.9, "share"),
        ("node memory", 0.8, "share"),
    ]
    assert guards[1].value == (
        '1 - node_memory_MemAvailable_bytes{job="shop",track="$group"}'
        ' / node_memory_MemTotal_bytes{job="shop",track="$group"}'
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("source", ["prom", "page"])
def test_what_a_preset_asks_of_a_scraped_page_is_a_plain_selector(preset: str, source: str) -> None:
    plain = [one.name for one in PRESETS[preset] if one.plain]
    only = f", only: [{', '.join(plain)}]" if source == "page" else ""
    guards = measures(f"{{preset: {preset}, source: {source}, select: 'g=\"$group\"'{only}}}").guards
    assert guards
    for guard in guards:
        assert "$group" in guard.value
        if source == "page":
            assert parse_selector(guard.value.replace("$group", "new")).accepts(
                {"g": "new", "image": "x", "mode": "user"}
            )


def test_tickets() -> None:
    total = 'support_tickets_created_total{service="payment"}'
    assert measures(tickets=f"{{source: prom, total: '{total}'}}").tickets == TicketMetric("prom", total)


# ------------------------------------------------------------------ mistakes


A_LIMIT = "a number above 0, a percentage such as 90%, or a size such as 512MiB"
GUARD = "{name: x, source: prom, value: 'm{g=\"$group\"}'%s}"


@pytest.mark.parametrize(
    ("guard", "path", "expected", "hint"),
    [
        (GUARD % ", limit: -1", ".limit", A_LIMIT, ""),
        (GUARD % ", limit: 10 apples", ".limit", A_LIMIT, ""),
        (GUARD % ", kind: gague", ".kind", "one of gauge, counter", 'Did you mean "gauge"?'),
        (GUARD % ", per: pod", ".per", "one of instance, total, request", ""),
        (GUARD % ", worse_than_control: 0.5x", ".worse_than_control", "more than the baseline, such as 10% or 2x", ""),
        (
            GUARD % ", worse_than_control: off",
            ".limit",
            "a limit, as it is not compared with control",
            "Without both it could never fire.",
        ),
        (GUARD % ", limits: 3", ".limits", "one of name, source, value", 'Did you mean "limit"?'),
        ("{name: x, source: prim, value: 'm{g=\"$group\"}'}", ".source", "one of prom, page", 'Did you mean "prom"?'),
        ("{name: x, source: prom, value: 'm'}", ".value", "a selector with $group", "would be the same series"),
        (
            "{name: x, source: page, value: 'sum(m{g=\"$group\"})'}",
            ".value",
            "a plain selector",
            "PromQL needs a prometheus source",
        ),
        (
            "{name: x, source: prom, value: 'sum(m{g=\"$group\"})', kind: counter}",
            ".value",
            "a plain selector for kind: counter",
            "with kind: gauge",
        ),
        (
            "{preset: proces, source: prom}",
            ".preset",
            "one of process, node-exporter, container, postgres",
            'Did you mean "process"?',
        ),
        ("{preset: process, source: prim}", ".source", "one of prom, page", 'Did you mean "prom"?'),
        ("{preset: process, source: page}", ".select", "label matchers with $group", "Such as select:"),
        (
            "{preset: process, source: prom, select: 'job=\"shop\"'}",
            ".select",
            "label matchers with $group",
            "would be the same series",
        ),
        ("{preset: process, source: prom, select: '{g=\"$group\"}'}", ".select", "label matchers", "without braces"),
        (
            "{preset: process, source: prom, only: [cpu]}",
            ".only[0]",
            "one of process cpu, process memory, process open files",
            "",
        ),
        ("{preset: process, source: prom, limits: {process cpu: 0}}", ".limits.process cpu", "a number above 0", ""),
        (
            "{preset: process, source: prom, worse_than_control: off, limits: {process cpu: 2}}",
            ".limits",
            "limits for process memory, process open files, as nothing is compared",
            "Without both they could never fire.",
        ),
        (
            "{preset: node-exporter, source: page, select: 'g=\"$group\"'}",
            ".source",
            "a prometheus source: node memory needs PromQL",
            "only: [node cpu, node disk io]",
        ),
    ],
)
def test_a_mistake_is_refused_at_its_place(guard: str, path: str, expected: str, hint: str) -> None:
    found = problem(guard)
    assert found.path == f"metrics.guards[0]{path}"
    assert found.expected.startswith(expected)
    assert hint in found.hint
    assert found.line == LINE


@pytest.mark.parametrize(
    ("tickets", "path", "expected"),
    [
        ("{source: prom, total: 't{g=\"$group\"}'}", "metrics.tickets.total", "without $group"),
        ("{source: prim, total: t}", "metrics.tickets.source", "one of prom, page"),
        ("{source: page, total: 'sum(t)'}", "metrics.tickets.total", "a plain selector"),
        ("{source: prom}", "metrics.tickets.total", "the key total"),
    ],
)
def test_a_mistake_in_tickets_is_refused(tickets: str, path: str, expected: str) -> None:
    found = problem(tickets=tickets)
    assert found.path == path
    assert expected in found.expected


def test_two_guards_of_one_name_are_refused() -> None:
    found = problem("{preset: process, source: prom}\n    - {preset: process, source: prom, only: [process cpu]}")
    assert found.path == "metrics.guards[1]"
    assert found.got == '"process cpu" again'


def test_there_are_at_most_twenty_guards() -> None:
    rows = "\n    - ".join(f"{{name: g{number}, source: prom, value: 'm{{g=\"$group\"}}'}}" for number in range(21))
    assert problem(rows).expected == "at most 20 guards"


def test_scraped_tickets_need_a_baseline_phase() -> None:
    text = PLAN.replace("known_bad", "baseline: 0s\nknown_bad") + "  tickets: {source: WHERE, total: t}\n"
    with pytest.raises(PlanError) as caught:
        planfile.load(text.replace("WHERE", "page"), directory=Path("/plans"))
    assert [one.path for one in caught.value.problems] == ["baseline"]
    assert planfile.load(text.replace("WHERE", "prom"), directory=Path("/plans")).measures.tickets


def test_a_comma_behind_the_last_matcher_does_no_harm() -> None:
    guards = measures("{preset: node-exporter, source: prom, select: 'g=\"$group\",'}").guards
    assert ",," not in guards[0].value
