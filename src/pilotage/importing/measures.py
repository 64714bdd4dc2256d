"""Metrics of the files -> the sections `metrics`, `success` and `rollback_when`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core.planning.drivers import missing
from pilotage.core.planning.entries import Entry
from pilotage.importing import promql
from pilotage.importing.conditions import Bound
from pilotage.importing.metric import Groups, Metric
from pilotage.importing.pieces import Measured
from pilotage.planfile.names import LABEL
from pilotage.planfile.signals import MOST_GUARDS

USUAL_TRIGGER = 0.02
LEAST_ERRORS = 0.0001
LONGEST_SELECTOR = 1000
_ERRORS = re.compile(r"(?i)error|succe|fail|avail|status|code|5xx|classification")
_TOTAL = 'counter of all requests, such as requests_total{group="$group"}'
_BAD = 'counter of failed requests, such as requests_total{group="$group",code=~"5.."}'
_APART = "add the label that tells canary from control, with $group, to"


@dataclass(frozen=True)
class Errors:
    """`limit`: the share of bad requests that the file allows; `trigger`: beyond it, it has failed."""

    metric: Metric
    total: str
    bad: str
    limit: float
    trigger: float | None


def measured(metrics: Sequence[Metric], candidates: Sequence[Groups]) -> Measured:
    """What is asked with notes is not in it; the errors are, as placeholders, for a plan cannot be without."""
    groups = _groups(metrics, candidates)
    sources = _Sources(metrics)
    errors = _errors(metrics, groups)
    latency = _latency(metrics, groups)
    guards = _guards(metrics, groups, errors, sources)
    source = sources.of(errors.metric) if errors else sources.first
    names = groups or Groups(_unknown("new"), _unknown("running"), "", "")
    entries = [
        Entry("sources", tuple(Entry(name, row, note) for name, (row, note) in sources.rows.items())),
        Entry("groups", {"canary": names.canary, "control": names.control}, groups.origin if groups else ""),
        _errors_entry(errors, source),
    ]
    if latency is not None:
        metric, histogram = latency
        unit = histogram.unit or missing("s or ms: what the histogram's buckets are in")
        row = {"source": sources.of(metric), "histogram": _histogram(metric, groups), "unit": unit}
        entries.append(Entry("latency", row, metric.at.origin))
    if guards:
        entries.append(Entry("guards", guards, above=("Over its limit a guard holds; `hold` says what then:",)))
    found = Measured(tuple(entries), ("What is read at every tick. $group becomes the group's name.",))
    if errors is not None:
        _limits(found, errors)
    return found


def _unknown(which: str) -> str:
    return missing(f"the label value of the {which} version's series")


class _Sources:
    """One source for each address, in the order of the files."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.rows: dict[str, tuple[dict[str, Any], str]] = {}
        self._names: dict[str, str] = {}
        for metric in metrics:
            if metric.address in self._names:
                continue
            name = "prom" if not self.rows else f"prom-{len(self.rows) + 1}"
            self._names[metric.address] = name
            url = metric.address if re.fullmatch(r"https?://[^\s{}@]{1,400}", metric.address) else ""
            wanted = f"Prometheus' address; the file says {metric.address}" if metric.address else "Prometheus' address"
            row: dict[str, Any] = {"driver": "prometheus", "url": url or missing(wanted)}
            if metric.timeout_s:
                row["timeout_s"] = metric.timeout_s
            self.rows[name] = (row, metric.at.origin if url else "")
        if not self.rows:
            self.rows["prom"] = ({"driver": "prometheus", "url": missing("Prometheus' address")}, "")

    @property
    def first(self) -> str:
        return next(iter(self.rows))

    def of(self, metric: Metric) -> str:
        return self._names[metric.address]


def _groups(metrics: Sequence[Metric], candidates: Sequence[Groups]) -> Groups | None:
    """The names by which most queries tell canary from control, ratios first; a plan has one pair of them."""
    scores = [
        (sum(1 + 10 * (_ratio(one) is not None) for one in metrics if one.by(groups)), -index)
        for index, groups in enumerate(candidates)
    ]
    best = max(scores, default=(0, 0))
    if best[0] == 0:
        return None
    found = candidates[-best[1]]
    for one in (found.canary, found.control):
        if not one.startswith(("REPLACE_ME", "{")) and not re.fullmatch(LABEL, one):
            return None
    return found


def _ratio(metric: Metric) -> promql.Ratio | None:
    return promql.ratio(metric.query) if len(metric.query) <= promql.LONGEST else None


def _share(metric: Metric, found: Bound | None, scale: float) -> float | None:
    """The share of bad requests at a bound of the ratio; None: it is no share."""
    if found is None or not 0 <= found.value <= scale:
        return None
    share = found.value / scale
    return 1 - share if found.side == "least" else share


def _errors(metrics: Sequence[Metric], groups: Groups | None) -> Errors | None:
    usable: list[tuple[int, Errors]] = []
    for metric in metrics:
        ratio = _ratio(metric)
        good = metric.good or metric.failed
        limit = _share(metric, good, ratio.scale) if ratio is not None else None
        if ratio is None or good is None or limit is None or limit >= 1:
            continue
        apart = promql.ratio(metric.by(groups)) if groups else None
        total, bad = promql.bad_of(apart or promql.ratio(metric.readable) or ratio, good.side == "least")
        trigger = (
            _share(metric, metric.failed, ratio.scale) if metric.failed and metric.failed.side == good.side else None
        )
        if apart is None or "$group" not in total or "$group" not in bad or len(bad) > LONGEST_SELECTOR:
            total, bad = missing(f"{_APART}: {total}"[:400]), missing(f"{_APART}: {bad}"[:400])
        likely = 2 * bool(_ERRORS.search(metric.name) or metric.role) + bool(_ERRORS.search(metric.query))
        usable.append((likely, Errors(metric, total, bad, limit, trigger)))
    if not usable:
        return None
    found = max(usable, key=lambda one: one[0])[1]
    floor = _percent(max(found.limit, LEAST_ERRORS))
    text = f"the judge compares canary with control; the floor is kept as errors < {floor}"
    known = not found.total.startswith("REPLACE_ME")
    more = "" if known else ". The query does not tell canary from control: its label is asked"
    found.metric.spot.note("nearest" if known else "question", text + more, look=not known)
    return found


def _errors_entry(errors: Errors | None, source: str) -> Entry:
    if errors is None:
        return Entry("errors", {"source": source, "total": missing(_TOTAL), "bad": missing(_BAD)})
    row = {"source": source, "total": errors.total, "bad": errors.bad}
    return Entry("errors", row, errors.metric.at.origin)


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _limits(found: Measured, errors: Errors) -> None:
    limit = max(errors.limit, LEAST_ERRORS)
    found.success = {"errors": _percent(limit)}
    found.why_success = f"errors {errors.metric.spot.origin}; a phase passes below these"
    if limit != errors.limit:
        errors.metric.at.note("nearest", f"a plan's errors are above 0 %: {_percent(limit)} is taken")
    if errors.trigger is not None and errors.trigger > limit:
        found.rollback_when = {"errors": _percent(errors.trigger)}
        found.why_rollback = f"errors {errors.metric.spot.origin}.failureCondition"
    elif limit >= USUAL_TRIGGER:
        found.rollback_when = {"errors": _percent(min(2 * limit, (1 + limit) / 2))}
        found.why_rollback = "errors: twice the limit, as the files have one bound only; between both it holds"


def _latency(metrics: Sequence[Metric], groups: Groups | None) -> tuple[Metric, promql.Histogram] | None:
    for metric in metrics:
        histogram = promql.histogram(metric.query) if len(metric.query) <= promql.LONGEST else None
        if histogram is not None and groups is not None and metric.by(groups):
            return metric, histogram
    return None


def _histogram(metric: Metric, groups: Groups | None) -> str:
    found = promql.histogram(metric.by(groups)) if groups else None
    return found.buckets.selector if found else ""


def _guards(
    metrics: Sequence[Metric], groups: Groups | None, errors: Errors | None, sources: _Sources
) -> list[dict[str, Any]]:
    """What has an upper limit, with the query as it is: the absolute limit is kept."""
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        if errors is not None and metric is errors.metric:
            continue
        row = _guard(metric, groups)
        if row is None:
            continue
        if len(rows) >= MOST_GUARDS:
            metric.spot.note("question", f"a plan has {MOST_GUARDS} guards at most: this one is left out", look=True)
            continue
        name = _named(metric.name, [str(one["name"]) for one in rows])
        rows.append({"name": name, "source": sources.of(metric), **row})
    return rows


def _guard(metric: Metric, groups: Groups | None) -> dict[str, Any] | None:
    query = metric.by(groups) if groups is not None else ""
    good = metric.good or metric.failed
    if good is None:
        if metric.spot.findings.has_note(metric.spot) or "successCondition" in metric.spot:
            return None
        metric.spot.note("question", "no bound is said: it is left out of the plan", look=True)
        return None
    if not query:
        text = f"does not tell canary from control: as a guard it needs a label with $group: {metric.readable}"
        metric.at.note("question", text, look=True)
        return None
    ratio = promql.ratio(query)
    value, limit = query, good.value
    if good.side == "least":
        if ratio is None or not good.value < ratio.scale:
            metric.spot.note(
                "question", "a lower bound: a guard knows upper limits only; turn the query round", look=True
            )
            return None
        value, limit = f"{ratio.scale:g} - ({query})", ratio.scale - good.value
    if not limit > 0 or len(value) > LONGEST_SELECTOR:
        metric.spot.note("question", "a limit of 0, or a longer query than a plan takes: it is left out", look=True)
        return None
    metric.spot.note("nearest", "a guard with this limit: over it the rollout holds, and `hold` says what then")
    return {"value": value, "per": "total", "worse_than_control": "off", "limit": float(f"{limit:.10g}")}


def _named(name: str, taken: Sequence[str]) -> str:
    base = " ".join(name.split())[:50] or "metric"
    found, number = base, 2
    while found in taken:
        found, number = f"{base} {number}", number + 1
    return found
