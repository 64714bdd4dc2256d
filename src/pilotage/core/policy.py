"""From findings to one verdict: the table of what each finding leads to, and who wins when they differ.

A plan changes rows of the table under ``verdicts:``. No row can make an alarm pass: it rolls back, holds, or asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pilotage.core.model import Action, Answer, Finding, Plan

TABLE: Mapping[str, Answer] = {
    "errors-worse": "rollback",
    "errors-over-limit": "rollback",
    "errors-shared": "hold",
    "errors-unsettled": "hold",
    "latency-worse": "rollback",
    "latency-changed": "hold",
    "latency-unsettled": "hold",
    "bug-not-fixed": "rollback",
    "bug-half-fixed": "hold",
    "bug-worse": "rollback",
    "bug-unsettled": "hold",
    "logs-new-critical": "rollback",
    "logs-new": "hold",
    "logs-rising": "hold",
    "logs-bug": "hold",
    "logs-silent": "hold",
    "logs-missing": "hold",
    "traffic-low": "hold",
    "traffic-share": "hold",
    "traffic-silent": "hold",
    "guard-worse": "hold",
    "guard-over-limit": "hold",
    "guard-shared": "hold",
    "tickets-rise": "rollback",
    "data-missing": "hold",
    "unknown": "hold",
}

MEANING: Mapping[str, str] = {
    "errors-worse": "more errors than control",
    "errors-over-limit": "errors over the limit, and more than control or the baseline",
    "errors-shared": "errors over the limit, in control too",
    "errors-unsettled": "at the end, errors above the success criterion",
    "latency-worse": "slower, p95 beyond the trigger",
    "latency-changed": "slower, p95 not beyond the trigger",
    "latency-unsettled": "at the end, p95 above the success criterion",
    "bug-not-fixed": "the bug is above its target and no better than before",
    "bug-half-fixed": "the bug is better than before, but above its target",
    "bug-worse": "the bug's metric is worse than in control",
    "bug-unsettled": "at the end, the fix is not shown to help",
    "logs-new-critical": "a crash, an uncaught or fatal error in the canary's log that control's never shows",
    "logs-new": "another error in the canary's log that control's never shows",
    "logs-rising": "a known error, more often in the canary's log than in control's",
    "logs-bug": "the bug's own text is in the canary's log, and not shown to be rarer than in control's",
    "logs-silent": "the canary logs nothing while control does",
    "logs-missing": "a group's log cannot be read",
    "traffic-low": "at the end, too few requests to judge",
    "traffic-share": "the observed share is not the wanted one",
    "traffic-silent": "no request where there should be some",
    "guard-worse": "a guard (CPU, memory, connections, ...) is worse than in control, and lastingly so",
    "guard-over-limit": "a guard is over its limit, and lastingly so",
    "guard-shared": "a guard is over its limit, in control too",
    "tickets-rise": "users open more tickets than before the rollout",
    "data-missing": "the metrics cannot be read, or not trusted",
    "unknown": "at the end, a criterion could not be judged",
}

_RANK: Mapping[Answer, int] = {"rollback": 0, "ask": 1, "hold": 2}


def answer(plan: Plan, shows: str) -> Answer:
    """What the plan says about a finding, else the usual table."""
    return plan.verdicts.get(shows, TABLE[shows])


def action(plan: Plan, shows: str) -> Action:
    return Action.ROLLBACK if answer(plan, shows) == "rollback" else Action.HOLD


def decisive(plan: Plan, findings: Sequence[Finding]) -> tuple[Answer, Finding] | None:
    """The alarm that decides: rollback before ask before hold, then the first; None without an alarm."""
    alarms = [(answer(plan, finding.shows), finding) for finding in findings if finding.shows]
    return min(alarms, key=lambda alarm: _RANK[alarm[0]], default=None)


def false_alarm_budget(plan: Plan) -> tuple[float, str]:
    """The bound on the chance that a healthy rollout is rolled back by its evidence, and a sentence for the plan.

    A union bound (Bonferroni, 1936): alpha for each kind of evidence that may roll back, in each judged phase.
    """
    kinds = {"errors-worse": True, "errors-over-limit": True}
    kinds["latency-worse"] = plan.measures.latency is not None
    kinds["bug-not-fixed"] = plan.measures.bug is not None and plan.known_bad
    kinds["bug-worse"] = plan.measures.bug is not None and not plan.known_bad
    kinds["logs-new-critical"] = kinds["logs-new"] = kinds["logs-rising"] = plan.logs is not None
    kinds["tickets-rise"] = plan.measures.tickets is not None
    counted = sum(there and answer(plan, kind) == "rollback" for kind, there in kinds.items())
    for kind in ("guard-worse", "guard-over-limit", "guard-shared"):
        counted += len(plan.measures.guards) * (answer(plan, kind) == "rollback")
    phases = sum(phase.judged for phase in plan.phases)
    return min(1.0, counted * phases * plan.limits.alpha), budget_sentence(counted, phases, plan.limits.alpha)


def budget_sentence(kinds: int, phases: int, alpha: float) -> str:
    """`kinds` of evidence that may roll back, `phases` that are judged, `alpha` for each (0-1)."""
    return (
        f"False alarms: at most {alpha:.2%} for each of {kinds} kinds of evidence that roll back, in each of {phases} "
        f"judged phases: together at most {min(1.0, kinds * phases * alpha):.0%}, however often it is looked at."
    )
