"""Four rules, one traffic: what each does to healthy canaries and how soon it finds a sick one.

.venv/bin/python -m benchmarks.judge.run [--runs 1000] [--only NAME] [--json FILE] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.judge.plots import false_rollbacks, times_to_find
from benchmarks.judge.rules import Minute, argo, flagger, kayenta
from benchmarks.judge.worlds import SCENARIOS, Scenario
from pilotage.core.histograms import quantile
from pilotage.core.judge import Judge
from pilotage.core.model import (
    Action,
    Histogram,
    HoldPolicy,
    LatencyMetric,
    Limits,
    Measures,
    Phase,
    Plan,
    RatioMetric,
    Severity,
    Strategy,
    Verdict,
    WayBack,
)
from pilotage.core.tally import baseline_of
from pilotage.simulation.world import BOUNDS, Drawn, World, draw, past_samples, samples

RULES = ("Argo-style", "Flagger-style", "Kayenta's rule", "Pilotage")
BATCH = 100
USUAL_P95_S, USUAL_P99_S = 0.158, 0.255
BEGIN, END = "<!-- bench-judge begin -->", "<!-- bench-judge end -->"
COMMAND = "make bench-judge"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", type=Path, help="Put the table between the markers of this page, plots beside it.")
    options = parser.parse_args()
    rows = []
    for place, scenario in enumerate(SCENARIOS):
        if options.only in scenario.name:
            runs = options.runs * 2 if scenario.kind == "healthy" else options.runs
            rows.append(row(scenario, runs, seed=place + 1))
            print(line(rows[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    if options.write:
        write(options.write, rows, options.runs)


def row(scenario: Scenario, runs: int, seed: int) -> dict[str, Any]:
    """Fractions and median seconds from the onset, by rule; what the judge cost."""
    ended: dict[str, list[float | None]] = {rule: [] for rule in RULES}
    alarmed: list[float | None] = []
    ticks, spent = 0, 0.0
    for outcome in phases(scenario, runs, seed):
        for rule in RULES:
            ended[rule].append(outcome[rule])
        alarmed.append(outcome["alarm"])
        ticks, spent = ticks + outcome["ticks"], spent + outcome["cpu"]
    onset = scenario.world.onset_s
    found = {rule: _found(times, onset) for rule, times in ended.items()}
    return {
        "name": scenario.name,
        "kind": scenario.kind,
        "runs": runs,
        "rules": found,
        "alarm": _found(alarmed, onset),
        "theory_s": theory(scenario),
        "us_per_tick": spent / max(1, ticks) * 1e6,
    }


def phases(scenario: Scenario, runs: int, seed: int) -> Iterator[dict[str, Any]]:
    """Each phase under the four rules: the second of the rollback within the watch, or None."""
    watch = scenario.minutes * 6
    for first in range(0, runs, BATCH):
        size = min(BATCH, runs - first)
        batches = [draw(scenario.world, size, watch, watch, (seed, first, which)) for which in range(scenario.metrics)]
        for run in range(size):
            metrics = [minutes(drawn, run, scenario.kind) for drawn in batches]
            limits = [0.02 if scenario.kind != "latency" else 2 * USUAL_P95_S] * len(metrics)
            slow = [0.01 if scenario.kind != "latency" else 0.5] * len(metrics)
            seconds = [argo(metrics, limits), flagger(metrics, slow), kayenta(metrics)]
            result: dict[str, Any] = dict(zip(RULES, [_seconds(one) for one in seconds], strict=False))
            result |= pilotage(batches, run, scenario)
            yield result


def pilotage(batches: list[Drawn], run: int, scenario: Scenario) -> dict[str, Any]:
    """Our judge; five metrics at once are five judges, of which one is enough to roll back."""
    back: list[float] = []
    alarm: list[float] = []
    ticks, cpu = 0, 0.0
    for drawn in batches:
        plan = usual_plan(drawn.world.share, scenario.minutes)
        seen = list(samples(drawn, run, 0))
        past = past_samples(drawn, run, 0)
        began = time.process_time()
        judge = Judge(plan, 0, baseline_of(past))
        for sample in seen:
            verdict = judge.observe(sample)
            ticks += 1
            if verdict.action in (Action.HOLD, Action.ROLLBACK):
                alarm.append(sample.at)
            if verdict.action is Action.ROLLBACK:
                back.append(sample.at)
                break
        cpu += time.process_time() - began
    return {"Pilotage": min(back, default=None), "alarm": min(alarm, default=None), "ticks": ticks, "cpu": cpu}


def shown_fixes(runs: int) -> list[str]:
    """How soon the bug's own metric shows that a fix works, or failed: 45 % of 1 in 10 requests in control."""
    lines = []
    for name, rate in (("the fix works", 0.0), ("the fix failed", 0.45)):
        drawn = draw(replace(World(), bug=(0.45, rate)), runs, 60, 60, (7, int(rate * 100)))
        times: list[float | None] = []
        for run in range(runs):
            judge = Judge(usual_plan(0.1, 10, known_bad=True), 0, baseline_of(past_samples(drawn, run, 0)))
            times.append(next((one.at for one in samples(drawn, run, 0) if _shown(judge.observe(one))), None))
        lines.append(f"| {name} | {cell(_found(times, 0), 'bug')} |")
    return lines


def _shown(verdict: Verdict) -> bool:
    return any(
        one.metric == "bug" and (one.shows == "bug-not-fixed" or "improved" in one.sentence) for one in verdict.findings
    )


def usual_plan(share: float, minutes: int, known_bad: bool = False) -> Plan:
    """A healthy running version unless `known_bad`, 10 s ticks, everything else as a plan has it by default."""
    errors = RatioMetric("errors", "s", "n", "e")
    bug = RatioMetric("bug", "s", "n", "e") if known_bad else None
    measures = Measures({}, "canary", "control", errors, LatencyMetric("latency", "s", "le"), bug)
    phase = Phase(f"{share:.0%}", share * 100, (), minutes * 60.0, 10.0)
    return Plan(
        "shop", "test", "2", "1", Severity.P0, Strategy.CANARY, "x", known_bad, (), (phase,), WayBack(()), measures,
        Limits(), HoldPolicy(), (), "/",
    )  # fmt: skip


def minutes(drawn: Drawn, run: int, kind: str) -> list[Minute]:
    """What a query over the last minute gives: error rates, or p95 and p99; nothing where all six ticks are missing."""
    found = []
    for start in range(0, drawn.ticks, 6):
        at = slice(start, start + 6)
        if drawn.missing[run][at].all():
            found.append(Minute(None, None))
            continue
        if kind == "latency":
            mine, theirs = drawn.canary_latency[run][at].sum(axis=0), drawn.control_latency[run][at].sum(axis=0)
            found.append(Minute(_quantile(mine, 0.95), _quantile(theirs, 0.95), _quantile(mine, 0.99)))
            continue
        n, e = int(drawn.canary[run][at].sum()), int(drawn.canary_errors[run][at].sum())
        m, f = int(drawn.control[run][at].sum()), int(drawn.control_errors[run][at].sum())
        found.append(Minute(e / n if n else None, f / m if m else None))
    return found


def _quantile(counts: Any, q: float) -> float | None:
    return quantile(Histogram(BOUNDS, tuple(counts.tolist())), q)


def theory(scenario: Scenario) -> float | None:
    """Wald's expected time of the best test that knows the ratio: ln(100) over the information of a second."""
    if scenario.ratio is None:
        return None
    world, theta = scenario.world, scenario.ratio
    mixed = math.log(1 - world.share + world.share * theta)
    errors = world.rate * world.base_errors
    gained = errors * (world.share * theta * (math.log(theta) - mixed) - (1 - world.share) * mixed)
    return math.log(100) / gained


def _seconds(minute: int | None) -> float | None:
    return None if minute is None else minute * 60.0


def _found(times: list[float | None], onset: float) -> dict[str, Any]:
    """Before the onset it is a false alarm and not counted as found."""
    seen = sorted(one - onset for one in times if one is not None and one > onset)
    early = sum(one is not None and one <= onset for one in times) if onset else 0
    median = float(np.median(seen)) if seen else None
    p90 = seen[math.ceil(0.9 * len(seen)) - 1] if seen else None
    return {"share": len(seen) / len(times), "early": early / len(times), "median_s": median, "p90_s": p90}


# ------------------------------------------------------------------ telling


def line(row: dict[str, Any]) -> str:
    cells = [f"{rule} {cell(row['rules'][rule], row['kind'])}" for rule in RULES]
    theory_s = "" if row["theory_s"] is None else f", theory {row['theory_s']:.0f} s"
    alarm = f", held or back {cell(row['alarm'], row['kind'])}"
    return f"{row['name']:<32} {'; '.join(cells)}{alarm}{theory_s}, {row['us_per_tick']:.0f} us per tick"


def cell(found: dict[str, Any], kind: str) -> str:
    if kind == "healthy":
        return f"{found['share']:.1%}"
    if found["median_s"] is None:
        return "-"
    return f"{found['median_s']:.0f} s ({found['share']:.0%})"


def table(rows: list[dict[str, Any]]) -> list[str]:
    head = ["scenario", *RULES, "Pilotage, held or rolled back", "limit of theory"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for one in rows:
        theory_s = "" if one["theory_s"] is None else f"{one['theory_s']:.0f} s"
        cells = [cell(one["rules"][rule], one["kind"]) for rule in RULES]
        lines.append("| " + " | ".join([one["name"], *cells, cell(one["alarm"], one["kind"]), theory_s]) + " |")
    return lines


def write(page: Path, rows: list[dict[str, Any]], runs: int) -> None:
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    images = page.parent / "images"
    images.mkdir(exist_ok=True)
    healthy = [one for one in rows if one["kind"] == "healthy"]
    sick = [one for one in rows if one["kind"] != "healthy"]
    (images / "judge-false-rollbacks.svg").write_text(false_rollbacks(healthy, RULES))
    (images / "judge-time-to-find.svg").write_text(times_to_find(sick, RULES))
    cost = float(np.median([one["us_per_tick"] for one in rows]))
    body = [
        BEGIN,
        "",
        f"`{COMMAND}`: {runs} phases for each row. Healthy rows: share of {2 * runs} phases rolled back.",
        "The others: median time from the onset to the rollback (share of phases in which it was found).",
        f"The judge needed a median of {cost:.0f} us CPU per tick, with errors, absolute limit and latency judged and",
        "every sentence written.",
        "",
        *table(rows),
        "",
        "| the bug's own metric (5.8 requests/s to the canary, one in ten can meet it) | shown |",
        "| --- | --- |",
        *shown_fixes(min(runs, 300)),
        "",
        "![False rollbacks of healthy canaries by rule](images/judge-false-rollbacks.svg)",
        "",
        "![Time to find a regression by rule](images/judge-time-to-find.svg)",
        "",
        END,
    ]
    page.write_text(before + "\n".join(body) + after)


if __name__ == "__main__":
    main()
