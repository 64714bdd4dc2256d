"""The table of a rollout: the canary's values, control's beside them, phase by phase."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.counters import Counts
from pilotage.core.histograms import quantile
from pilotage.core.model import Plan
from pilotage.core.signals import GuardMetric
from pilotage.core.tally import Tally
from pilotage.core.words import amount, latency


@dataclass(frozen=True)
class Comparison:
    """`rows` are as wide as `columns`; the first cell of each names the metric."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def comparison(plan: Plan, counted: Tally) -> Comparison:
    """Metric by (baseline, each judged phase): the canary's value, control's behind it where control has traffic."""
    judged = [index for index, phase in enumerate(plan.phases) if phase.judged]
    first = min(judged, default=0)
    recorded = [index for index in counted.phases if index < first]
    before = counted.of(recorded or [first]).control
    phases = [counted.of([index]) for index in judged]
    names = ["requests", "error rate", "p50", "p95", "p99"] + ([plan.measures.bug.name] if plan.measures.bug else [])
    rows = []
    for place, name in enumerate(names):
        cells = [_cell(place, before)]
        for phase in phases:
            mine, theirs = _cell(place, phase.canary), _cell(place, phase.control)
            cells.append(mine if "-" in (mine, theirs) or place == 0 else f"{mine} (control {theirs})")
        rows.append((name, *cells))
    rows += _signals(plan, counted, recorded or [first], judged)
    return Comparison(("metric", "baseline", *(plan.phases[index].name for index in judged)), tuple(rows))


def _signals(plan: Plan, counted: Tally, before: list[int], judged: list[int]) -> list[tuple[str, ...]]:
    """A row for each guard (means), and the service's tickets a minute."""
    rows: list[tuple[str, ...]] = []
    for guard in plan.measures.guards:

        def mean(phases: list[int], canary: bool, guard: GuardMetric = guard) -> str:
            value = counted.guards.mean(phases, guard.name, canary)
            return "-" if value is None else amount(value, guard.unit)

        cells = []
        for phase in judged:
            mine, theirs = mean([phase], True), mean([phase], False)
            cells.append(mine if "-" in (mine, theirs) else f"{mine} (control {theirs})")
        rows.append((guard.name, mean(before, False), *cells))
    if plan.measures.tickets:
        rates = [counted.tickets.rate(phases) for phases in (before, *([phase] for phase in judged))]
        rows.append(("tickets", *("-" if rate is None else f"{rate * 60:.3g} /min" for rate in rates)))
    return rows


def _cell(place: int, counts: Counts) -> str:
    if counts.requests == 0:
        return "-"
    if place == 0:
        return f"{counts.requests:,.0f}"
    if place == 1:
        return f"{counts.errors / counts.requests:.2%}"
    if place < 5:
        value = quantile(counts.latency, (0.5, 0.95, 0.99)[place - 2])
        return "-" if value is None else latency(value)
    return f"{counts.bug_bad / counts.bug_total:.2%}" if counts.bug_total else "-"
