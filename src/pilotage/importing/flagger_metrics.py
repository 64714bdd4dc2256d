"""Flagger's metrics: the two it has built in, as the provider's series tell them, and those of MetricTemplates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilotage.importing.conditions import Bound
from pilotage.importing.manifests import Manifest
from pilotage.importing.metric import TARGET, Groups, Metric
from pilotage.importing.spots import Spot

SUCCESS, DURATION = "request-success-rate", "request-duration"
_VARIABLE = re.compile(
    r"\{\{-?\s*\.?(name|namespace|target|service|ingress|interval|variables\.[A-Za-z0-9_.-]+)\s*-?\}\}"
)


@dataclass(frozen=True)
class Builtin:
    """The series that Flagger's own checks read there: label matchers with TARGET, what is bad, the histogram."""

    counter: str
    select: str
    good: str
    buckets: str
    milliseconds: bool


_POD = f'kubernetes_namespace="{{namespace}}",kubernetes_pod_name=~"{TARGET}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"'
_HTTP = Builtin(
    "http_request_duration_seconds_count", _POD, 'status!~"5.*"', "http_request_duration_seconds_bucket", False
)
BUILTINS: Mapping[str, Builtin] = {
    "istio": Builtin(
        "istio_requests_total",
        f'reporter="destination",destination_workload_namespace="{{namespace}}",destination_workload=~"{TARGET}"',
        'response_code!~"5.*"',
        "istio_request_duration_milliseconds_bucket",
        True,
    ),
    "linkerd": Builtin(
        "response_total",
        f'namespace="{{namespace}}",deployment=~"{TARGET}",direction="inbound"',
        'classification!="failure"',
        "response_latency_ms_bucket",
        True,
    ),
    "kubernetes": _HTTP,
    "gatewayapi": _HTTP,
}


@dataclass(frozen=True)
class Around:
    """What a query may ask of the Canary."""

    name: str
    namespace: str
    target: str
    service: str
    ingress: str
    provider: str
    server: str


def metrics(analysis: Spot, around: Around, templates: Sequence[Manifest], used: set[int]) -> list[Metric]:
    found: list[Metric] = []
    for row in analysis.rows("metrics"):
        name = row.text("name") or "metric"
        good = _bounds(row, name)
        interval = row.amount("interval") or "1m"
        variables = row.mapping("templateVariables")
        given = {key: variables.amount(key) or "" for key in variables.keys} if variables is not None else {}
        reference = row.mapping("templateRef")
        if reference is not None:
            found += _templated(row, reference, name, good, around, interval, given, templates, used)
        elif "query" in row:
            query = _filled(row.text("query") or "", around, interval, given)
            found += [_metric(name, row, row.at("query") or row, around.server, query, one) for one in good]
        elif name in (SUCCESS, DURATION):
            found += _builtin(row, name, good, around, interval)
        else:
            row.note("question", f"{name} is neither built in nor has it a templateRef or a query", look=True)
    return found


def groups(around: Around) -> list[Groups]:
    target, service = around.target, around.service
    by_target = Groups(target, f"{target}-primary", TARGET, "from spec.targetRef.name: Flagger's own names")
    new, old = f"{service}-canary", f"{service}-primary"
    return [by_target, Groups(new, old, new, "from spec.service.name: Flagger's own names", target)]


def _metric(name: str, spot: Spot, at: Spot, address: str, query: str, good: Bound, role: str = "") -> Metric:
    return Metric(name, spot, at, address, query, good, role=role)


def _bounds(row: Spot, name: str) -> list[Bound]:
    """At least, at most, or both; `threshold` is the older way to say it."""
    spot = row.mapping("thresholdRange")
    found: list[Bound] = []
    if spot is not None:
        low, high = spot.number("min", least=-1e15), spot.number("max", least=-1e15)
        found += [Bound("least", low)] if low is not None else []
        found += [Bound("most", high)] if high is not None else []
    elif (value := row.number("threshold", least=-1e15)) is not None:
        found.append(Bound("least" if name == SUCCESS else "most", value))
    if not found and not row.findings.problems:
        row.note("question", f"{name} has no thresholdRange: it is left out of the plan", look=True)
    return found


def _builtin(row: Spot, name: str, good: list[Bound], around: Around, interval: str) -> list[Metric]:
    provider = around.provider.partition(":")[0]
    known = BUILTINS.get(provider)
    if known is None:
        said = f"by the provider {provider}" if provider else "without spec.provider"
        row.note("question", f"{name} {said}: name its counters under `metrics`", look=True)
        return []
    select = known.select.replace("{namespace}", around.namespace)
    if name == SUCCESS:
        all_of, good_of = f"{known.counter}{{{select}}}", f"{known.counter}{{{select},{known.good}}}"
        query = f"sum(rate({good_of}[{interval}])) / sum(rate({all_of}[{interval}])) * 100"
        return [_metric(name, row, row, around.server, query, one, "errors") for one in good]
    scale = "" if known.milliseconds else " * 1000"
    query = f"histogram_quantile(0.99, sum(rate({known.buckets}{{{select}}}[{interval}])) by (le)){scale}"
    return [_metric(name, row, row, around.server, query, one) for one in good]


def _templated(
    row: Spot,
    reference: Spot,
    name: str,
    good: list[Bound],
    around: Around,
    interval: str,
    given: Mapping[str, str],
    templates: Sequence[Manifest],
    used: set[int],
) -> list[Metric]:
    wanted, space = reference.name("name"), reference.name("namespace") or around.namespace
    same = [one for one in templates if one.kind == "MetricTemplate" and one.name == wanted]
    template = next((one for one in same if not one.namespace or one.namespace == space), None)
    if template is None:
        seen = f" (there is one in the namespace {same[0].namespace})" if same else ""
        text = f"MetricTemplate {wanted} of the namespace {space or 'of the Canary'} is in none of the files{seen}"
        reference.note("question", f"{text}: give its file, too", look=True)
        return []
    used.add(id(template))
    kind, at = template.spot.text("spec", "provider", "type"), template.spot.at("spec", "query") or template.spot
    query = template.spot.text("spec", "query")
    if kind != "prometheus":
        text = f"{name}: a query to {kind}: name its counters under `metrics` with a source of that driver"
        at.note("question", f"{text} (`pilotage drivers`)", look=True)
        return []
    address = template.spot.text("spec", "provider", "address") or around.server
    filled = _filled(query or "", around, interval, given)
    return [_metric(name, row, at, address, filled, one) for one in good]


def _filled(query: str, around: Around, interval: str, given: Mapping[str, str]) -> str:
    known = {
        "name": around.name,
        "namespace": around.namespace,
        "target": TARGET,
        "service": around.service,
        "ingress": around.ingress,
        "interval": interval,
        **{f"variables.{key}": value for key, value in given.items()},
    }
    return _VARIABLE.sub(lambda match: known.get(match[1]) or match[0], query)
