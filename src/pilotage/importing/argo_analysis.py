"""AnalysisTemplates that a Rollout uses: found, their arguments filled in, one Metric for each metric."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pilotage.importing.conditions import Bound, bound, opposite
from pilotage.importing.manifests import Manifest
from pilotage.importing.metric import LATEST, STABLE, Metric
from pilotage.importing.spots import Spot

_ARGUMENT = re.compile(r"\{\{\s*args\.([A-Za-z0-9_.-]{1,100})\s*\}\}")
MOST_TEMPLATES = 50
_LABEL = re.compile(r"metadata\.(labels|annotations)\['([^']{1,300})'\]")
OTHERS = {
    "datadog": "a query to Datadog",
    "newRelic": "a query to New Relic",
    "cloudWatch": "a query to CloudWatch",
    "graphite": "a query to Graphite",
    "influxdb": "a query to InfluxDB",
    "wavefront": "a query to Wavefront",
    "skywalking": "a query to SkyWalking",
}
_INSTEAD = {
    "web": "an HTTP answer is a check: `check: http` or `check: command` in the checklist or under follow_ups",
    "job": "a Job is a check: `check: command` in the checklist, or in `blue_green.test`",
    "kayenta": "the judge compares canary with control itself: name the counters under `metrics`",
    "plugin": "a provider of your own: name what it measures under `metrics`, or as `check: command`",
}
Arguments = dict[str, str]


@dataclass(frozen=True)
class Use:
    """One place where a Rollout starts an analysis."""

    spot: Spot
    step: bool


class Analyses:
    def __init__(self, rollout: Manifest, templates: Sequence[Manifest]) -> None:
        self.rollout = rollout
        self.templates = templates
        self.used: set[int] = set()
        self.metrics: list[Metric] = []
        self._seen: set[tuple[str, int]] = set()

    def add(self, use: Use) -> None:
        """Its metrics; one that was there before is not added twice."""
        given = self._given(use.spot)
        tried = {one.text("metricName") for one in use.spot.rows("dryRun")}
        for template in self.of(use.spot):
            self._add(template, given, tried, use)

    def of(self, analysis: Spot) -> list[Manifest]:
        """The templates it names, and those that they name."""
        found: list[Manifest] = []
        for one in analysis.rows("templates"):
            self._find(one, found)
        return found

    def lasting(self, analysis: Spot) -> float | None:
        """The longest metric's interval times (count - 1); one measurement takes no time of its own."""
        longest: float | None = 0.0
        templates = self.of(analysis)
        for metric in (one for template in templates for one in template.spot.rows("spec", "metrics")):
            interval, count = metric.seconds("interval"), metric.count("count")
            if count is None and interval is None and "count" not in metric and "interval" not in metric:
                seconds: float | None = 0.0
            elif interval is None or not count:
                seconds = None
            else:
                seconds = interval * (count - 1) + (metric.seconds("initialDelay") or 0.0)
            longest = None if seconds is None or longest is None else max(longest, seconds)
        return longest if templates else None

    def _find(self, reference: Spot, found: list[Manifest]) -> None:
        name, whole = reference.name("templateName"), reference.flag("clusterScope") is True
        if name is None:
            reference.note("question", "a template without a name", look=True)
            return
        kind = "ClusterAnalysisTemplate" if whole else "AnalysisTemplate"
        template = next((one for one in self.templates if one.kind == kind and one.name == name), None)
        if template is None:
            text = f"{kind} {name} is in none of the files: give its file, too, or name what it measures by hand"
            reference.note("question", text, look=True)
            return
        self.used.add(id(template))
        if template in found or len(found) >= MOST_TEMPLATES:
            return
        found.append(template)
        for inner in template.spot.rows("spec", "templates"):
            self._find(inner, found)

    def _given(self, analysis: Spot) -> Arguments:
        return {name: value for one in analysis.rows("args") for name, value in self._argument(one)}

    def _argument(self, one: Spot) -> list[tuple[str, str]]:
        name = one.text("name")
        if name is None:
            return []
        if "value" in one:
            value = one.amount("value")
            return [] if value is None else [(name, value)]
        hash_of = one.text("valueFrom", "podTemplateHashValue") if "valueFrom" in one else None
        path = one.text("valueFrom", "fieldRef", "fieldPath") if "valueFrom" in one else None
        if hash_of in ("Latest", "Stable"):
            return [(name, LATEST if hash_of == "Latest" else STABLE)]
        if path is not None and (value := self._of_rollout(path)) is not None:
            return [(name, value)]
        if "valueFrom" in one:
            one.note(
                "question", "its value is known in the cluster only: fill it in where the query needs it", look=True
            )
        return []

    def _of_rollout(self, path: str) -> str | None:
        if path in ("metadata.name", "metadata.namespace"):
            return getattr(self.rollout, path.partition(".")[2]) or None
        match = _LABEL.fullmatch(path)
        place = self.rollout.spot.mapping("metadata", match[1]) if match else None
        return place.amount(match[2]) if match and place is not None else None

    def _add(self, template: Manifest, given: Arguments, tried: set[str | None], use: Use) -> None:
        usual = {name: value for one in template.spot.rows("spec", "args") for name, value in self._argument(one)}
        arguments = {**usual, **given}
        tried = tried | {one.text("metricName") for one in template.spot.rows("spec", "dryRun")}
        for spot in template.spot.rows("spec", "metrics"):
            key = (json_key(arguments), id(spot.node))
            if key in self._seen:
                continue
            self._seen.add(key)
            name = spot.text("name") or "metric"
            if name in tried or "*" in tried:
                spot.note("none", f"{name} only tries (dryRun): it is left out of the plan")
                continue
            self._metric(spot, name, arguments)

    def _metric(self, spot: Spot, name: str, arguments: Arguments) -> None:
        provider = spot.mapping("provider")
        if provider is None:
            spot.note("question", "a metric without a provider", look=True)
            return
        good, failed = _bounds(spot, arguments)
        prometheus = provider.mapping("prometheus")
        if prometheus is not None:
            address, query = prometheus.text("address"), prometheus.text("query")
            if "rangeQuery" in prometheus or query is None:
                return
            filled = _filled(query, arguments)
            place = _filled(address, arguments) if address is not None else ""
            at = prometheus.at("query") or prometheus
            seconds = prometheus.whole("timeout")
            self.metrics.append(Metric(name, spot, at, place, filled, good, failed, timeout_s=seconds))
            return
        for kind in provider.keys:
            at = provider.at(kind) or provider
            what = OTHERS.get(kind)
            text = (
                f"{what}: name its counters under `metrics` with a source of that driver (`pilotage drivers`)"
                if what
                else _INSTEAD.get(kind, "a provider that this release does not know")
            )
            at.note("question", f"{name}: {text}", look=True)


def json_key(arguments: Arguments) -> str:
    return "\n".join(f"{key}={value}" for key, value in sorted(arguments.items()))


def _bounds(spot: Spot, arguments: Arguments) -> tuple[Bound | None, Bound | None]:
    """What has to hold, and beyond what it has failed."""
    good = _one(spot, "successCondition", arguments)
    failed = _one(spot, "failureCondition", arguments)
    failed = opposite(failed) if failed is not None else None
    if "successCondition" not in spot and "failureCondition" not in spot:
        spot.note("none", "without a condition Argo takes any value as good: it is left out of the plan", look=True)
    return (good if "successCondition" in spot else failed), failed


def _one(spot: Spot, key: str, arguments: Arguments) -> Bound | None:
    said, at = spot.text(key), spot.at(key)
    if said is None or at is None:
        return None
    found = bound(_filled(said, arguments))
    if found is None:
        at.note("question", f"{at.said()} is not one bound of the result: say under `metrics` what has to hold", True)
    elif found.absent:
        at.note("nearest", "no data counts as good there; in a plan missing data never passes: it holds")
    return found


def _filled(text: str, arguments: Arguments) -> str:
    return _ARGUMENT.sub(lambda match: arguments.get(match[1], match[0]), text)
