"""``metrics.requests``: what a preset stands for, what a plan may change of it, and how mistakes are answered."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from pilotage import planfile
from pilotage.core.documents.during import passes, watched
from pilotage.core.documents.facts import Facts
from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import LatencyMetric, Measures, RatioMetric
from pilotage.core.plancaution import less_careful
from pilotage.core.requestpresets import REQUESTS
from pilotage.drivers import DriverOptions, registry
from pilotage.drivers.metrics.exposition import parse_selector
from pilotage.planfile.document import read
from tests.planfile.test_signals import PLAN

HEAD = PLAN[: PLAN.index("  errors:")]
LINE = HEAD.count("\n") + 1
SELECT = {
    "istio": 'destination_service_name="payment"',
    "nginx-ingress": 'ingress="payment"',
    "http-server": 'job="payment"',
    "haproxy": 'proxy="payment"',
}


def measures(requests: str, more: str = "", head: str = HEAD) -> Measures:
    return planfile.load(f"{head}  requests: {requests}\n{more}", directory=Path("/plans")).measures


def problems(requests: str, more: str = "", head: str = HEAD) -> tuple[Problem, ...]:
    with pytest.raises(PlanError) as caught:
        measures(requests, more, head)
    return caught.value.problems


def asked(preset: str, source: str = "prom", more: str = "") -> str:
    select = f", select: '{SELECT[preset]}'" if preset in SELECT else ""
    return f"{{preset: {preset}, source: {source}{select}{more}}}"


@pytest.mark.parametrize("preset", REQUESTS)
@pytest.mark.parametrize("source", ["prom", "page"])
def test_what_a_preset_asks_is_a_plain_selector_with_the_group(preset: str, source: str) -> None:
    found = measures(asked(preset, source))
    texts = [found.errors.total, found.errors.bad] + ([found.latency.histogram] if found.latency else [])
    assert len(texts) == 3 - (preset == "haproxy")
    for text in texts:
        assert text.count("$group") == 1
        assert parse_selector(text.replace("$group", "x"))
        assert SELECT.get(preset, "") in text
    assert found.errors.source == source


def test_envoys_selectors_are_those_that_a_person_would_write() -> None:
    found = measures(asked("envoy", "page"))
    assert found.errors == RatioMetric(
        "errors",
        "page",
        'envoy_cluster_upstream_rq_completed{envoy_cluster_name="$group"}',
        'envoy_cluster_upstream_rq_xx{envoy_cluster_name="$group",envoy_response_code_class="5"}',
    )
    histogram = 'envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="$group"}'
    assert found.latency == LatencyMetric("latency", "page", histogram, "ms")
    assert found.left_out == ()


def test_haproxy_has_no_latency_and_the_plan_says_so() -> None:
    found = measures("{preset: haproxy, source: prom, label: proxy, select: 'job=\"lb\"'}")
    assert found.errors.total == 'haproxy_backend_http_responses_total{job="lb",proxy="$group"}'
    assert found.latency is None
    assert found.left_out == ("latency: HAProxy's exporter has averages of times only, no histogram",)
    assert measures(asked("haproxy", more=", latency: false")).left_out == ()
    own = "  latency: {source: prom, histogram: 'took_bucket{g=\"$group\"}'}\n"
    assert measures(asked("haproxy"), own).left_out == ()


def test_what_is_written_out_wins() -> None:
    errors = "  errors: {source: page, total: 'a{g=\"$group\"}', bad: 'b{g=\"$group\"}'}\n"
    found = measures(asked("envoy"), errors)
    assert found.errors == RatioMetric("errors", "page", 'a{g="$group"}', 'b{g="$group"}')
    assert found.latency is not None
    assert found.latency.source == "prom"
    latency = "  latency: {source: page, histogram: 'took_bucket{g=\"$group\"}'}\n"
    found = measures(asked("envoy"), latency)
    assert found.latency == LatencyMetric("latency", "page", 'took_bucket{g="$group"}', "s")
    assert found.errors.source == "prom"


def test_names_that_are_others() -> None:
    found = measures(
        asked(
            "http-server",
            more=", label: revision, code: status, counter: http_server_requests_seconds_count,"
            " histogram: http_server_requests_seconds, unit: ms, native: true",
        )
    )
    inside = 'job="payment",revision="$group"'
    assert found.errors.total == f"http_server_requests_seconds_count{{{inside}}}"
    assert found.errors.bad == f'http_server_requests_seconds_count{{{inside},status=~"5.."}}'
    assert found.latency == LatencyMetric("latency", "prom", f"http_server_requests_seconds{{{inside}}}", "ms")
    istio = measures(asked("istio", more=", label: destination_workload, reporter: waypoint"))
    assert istio.errors.total.startswith('istio_requests_total{reporter="waypoint",destination_service_name="payment",')
    assert istio.errors.total.endswith('destination_workload="$group"}')


def test_guards_take_their_labels_from_the_preset() -> None:
    found = measures(asked("envoy"), "  guards: [{preset: process, source: prom, only: [process memory]}]\n")
    assert found.guards[0].value == 'process_resident_memory_bytes{envoy_cluster_name="$group"}'


# ------------------------------------------------------------------ a group without the label


EMPTY = HEAD.replace("control: old", 'control: ""')


def test_the_primary_ingress_has_no_canary_label() -> None:
    found = measures(asked("nginx-ingress"), head=EMPTY)
    assert (found.canary, found.control) == ("new", "")
    assert found.errors.total.replace("$group", found.control).endswith('canary=""}')


def test_an_empty_name_in_a_pattern_would_match_more_than_its_own() -> None:
    guard = "  guards: [{name: g, source: prom, value: 'm{pod=~\"$group-.*\"}'}]\n"
    (found,) = problems(asked("nginx-ingress"), guard, EMPTY)
    assert (found.path, "compare with =" in found.hint) == ("metrics.groups", True)
    (found,) = problems(asked("nginx-ingress"), head=EMPTY.replace("canary: new", 'canary: ""'))
    assert found.path == "metrics.groups.control"


# ------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("requests", "path", "expected", "hint"),
    [
        ("{preset: envoi, source: prom}", ".preset", "one of envoy, traefik", 'Did you mean "envoy"?'),
        ("{preset: envoy, source: prim}", ".source", "one of prom, page", 'Did you mean "prom"?'),
        ("{preset: envoy}", ".source", "the key source", ""),
        ("{preset: envoy, source: prom, code: x}", ".code", "one of preset, source, select, label", ""),
        ("{preset: haproxy, source: prom, select: 'job=\"a\"', label: pod}", ".label", "one of server, proxy", ""),
        ("{preset: envoy, source: prom, select: '{a=\"b\"}'}", ".select", "label matchers", "without braces"),
        (
            "{preset: istio, source: prom}",
            ".select",
            "label matchers that name the service",
            "destination_service_name",
        ),
        ("{preset: nginx-ingress, source: page}", ".select", "label matchers that name the service", "ingress="),
        ("{preset: http-server, source: prom}", ".select", "label matchers that name the service", 'job="payment"'),
        ("{preset: traefik, source: page, native: true}", ".native", "false", "prometheus source has them"),
        (
            "{preset: http-server, source: page, histogram: took_bucket}",
            ".histogram",
            "the histogram's name without _bucket",
            "Write took.",
        ),
        ("{preset: http-server, source: page, counter: 'a{b}'}", ".counter", "a metric's name", ""),
    ],
)
def test_a_mistake_is_refused_at_its_place(requests: str, path: str, expected: str, hint: str) -> None:
    (found,) = problems(requests)
    assert found.path == f"metrics.requests{path}"
    assert found.expected.startswith(expected)
    assert hint in found.hint
    assert found.line == LINE


def test_a_plan_has_errors_or_requests() -> None:
    with pytest.raises(PlanError) as caught:
        planfile.load(HEAD, directory=Path("/plans"))
    assert [one.path for one in caught.value.problems] == ["metrics.errors"]
    with pytest.raises(PlanError) as caught:
        planfile.load(f"{HEAD}  request: {asked('envoy')}\n", directory=Path("/plans"))
    assert [one.path for one in caught.value.problems] == ["metrics.request"]


def test_promql_on_a_page_is_refused_in_errors_and_latency_too() -> None:
    more = (
        "  errors: {source: page, total: 'sum(a{g=\"$group\"})', bad: 'b{g=\"$group\"}'}\n"
        "  latency: {source: page, histogram: 'rate(c{g=\"$group\"}[1m])'}\n"
    )
    with pytest.raises(PlanError) as caught:
        planfile.load(HEAD + more, directory=Path("/plans"))
    assert [one.path for one in caught.value.problems] == ["metrics.errors.total", "metrics.latency.histogram"]


# ------------------------------------------------------------------ drivers with a language of their own


class Strange:
    """A stranger's source: does not say what its selectors are."""

    class Options(DriverOptions):
        pass

    def __init__(self, options: Any, context: Any) -> None:
        pass

    async def read(self, selectors: Any) -> Any:
        return [[] for _ in selectors]


class Speaking(Strange):
    language: ClassVar[str] = "promql"

    async def read_past(self, selectors: Any, seconds: float, step_s: float) -> Any:
        return []


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> str:
    """A head whose sources are a stranger's drivers."""
    monkeypatch.setitem(sys.modules, "strange_metrics", SimpleNamespace(Strange=Strange, Speaking=Speaking))  # type: ignore[arg-type]
    points = {
        name.lower(): EntryPoint(name.lower(), f"strange_metrics:{name}", "pilotage.metrics")
        for name in ("Strange", "Speaking")
    }
    known = {**registry._of("metrics"), **points}
    real = registry._of
    monkeypatch.setattr(registry, "_of", lambda port: known if port == "metrics" else real(port))
    lines = [line for line in HEAD.splitlines() if not line.startswith("    p")]
    lines.insert(lines.index("  sources:") + 1, "    own: {driver: strange}\n    other: {driver: speaking}")
    return "\n".join([*lines, ""])


def test_a_language_of_its_own_is_not_looked_into_and_its_counters_are_the_engines(strangers: str) -> None:
    text = (
        "  errors: {source: own, total: 'SELECT a WHERE g = $group', bad: 'sum of $group!'}\n"
        "  guards: [{name: gc, source: own, value: '$group.gc.count', kind: counter}]\n"
    )
    found = planfile.load(strangers + text, directory=Path("/plans")).measures
    assert found.errors.total == "SELECT a WHERE g = $group"
    assert (found.guards[0].value, found.guards[0].kind) == ("$group.gc.count", "counter")


def test_a_stranger_that_speaks_promql_is_asked_for_rates(strangers: str) -> None:
    guards = "  guards: [{name: gc, source: other, value: 'gc{g=\"$group\"}', kind: counter}]\n"
    found = measures(asked("envoy", "other"), guards, strangers)
    assert (found.guards[0].value, found.guards[0].kind) == ('irate(gc{g="$group"}[2m])', "rate")


def test_presets_need_prometheus_names(strangers: str) -> None:
    guards = "  guards: [{preset: process, source: own, select: 'g=\"$group\"'}]\n"
    found = problems(asked("envoy", "own"), guards, strangers)
    assert [one.path for one in found] == ["metrics.requests.source", "metrics.guards[0].source"]
    errors = "  errors: {source: own, total: 'a $group', bad: 'b $group'}\n"
    with pytest.raises(PlanError) as caught:
        planfile.load(strangers + errors + guards, directory=Path("/plans"))
    (found_one,) = caught.value.problems
    assert found_one.path == "metrics.guards[0].source"
    assert found_one.got == "a strange source"


@pytest.mark.parametrize(("source", "refused"), [("own", True), ("other", False)])
def test_tickets_need_a_past_or_a_baseline(strangers: str, source: str, refused: bool) -> None:
    head = strangers.replace("known_bad", "baseline: 0s\nknown_bad")
    text = f"{head}  requests: {asked('envoy', 'other')}\n  tickets: {{source: {source}, total: t}}\n"
    if not refused:
        assert planfile.load(text, directory=Path("/plans")).measures.tickets
        return
    with pytest.raises(PlanError) as caught:
        planfile.load(text, directory=Path("/plans"))
    (found,) = caught.value.problems
    assert "as the strange source of metrics.tickets knows no past" in found.expected


# ------------------------------------------------------------------ what is told of it


def facts(requests: str) -> Facts:
    return Facts(read(f"{HEAD}  requests: {requests}\n")[0].plain(), "plan.yaml")


def test_the_document_says_what_a_preset_watches() -> None:
    text = "\n".join(watched(facts(asked("envoy"))))
    assert "prom, as envoy counts" in text
    assert "not measured" not in text
    assert "p95 within" in "\n".join(passes(facts(asked("envoy"))))
    text = "\n".join(watched(facts(asked("haproxy"))))
    assert "not measured by this plan: HAProxy's exporter has averages of times only" in text
    assert "p95 within" not in "\n".join(passes(facts(asked("haproxy"))))


def test_a_latency_that_a_preset_brought_is_missed_when_it_goes() -> None:
    before, after = (facts(asked(preset)).data for preset in ("envoy", "haproxy"))
    assert [one.path for one in less_careful(before, after)] == ["metrics.latency"]
    assert less_careful(after, before) == ()
