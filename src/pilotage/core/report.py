"""What people read: a sentence per event, the comparison table, the report. Pure: events and samples in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pilotage.core import events as ev
from pilotage.core.counters import Counts, Tally, quantile, tally
from pilotage.core.logreport import log_lines
from pilotage.core.markdown import address, inline, table
from pilotage.core.model import Action, Plan, Sample, Verdict
from pilotage.core.quantities import duration
from pilotage.core.signals import GuardMetric
from pilotage.core.state import Status, fold
from pilotage.core.words import amount, latency

MARKS = {Action.PROMOTE: "✓", Action.WATCH: "…", Action.HOLD: "!", Action.ROLLBACK: "✗"}


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


def sentence(event: ev.Event) -> str:
    """One plain sentence."""
    match event:
        case ev.RolloutStarted(reason=reason):
            return "rollout started" + (f": {reason}" if reason else "")
        case ev.Deployed(target=target, version=version, took_s=took, detail=detail):
            return f"{target} deployed {version} in {took:.1f} s: {detail}"
        case ev.PhaseStarted(name=name):
            return f"phase {name} begins"
        case ev.WeightSet(target=target, wanted=wanted, in_force=in_force, took_s=took):
            return f"{target} sends {in_force:g} % to the canary ({wanted:g} % wanted; {took * 1000:.0f} ms)"
        case ev.WatchStarted(watch_s=watch_s):
            return f"watching for {duration(watch_s)}"
        case ev.PhasePassed(name=name, verdict=verdict):
            return f"phase {name} passed: {verdict.reason}"
        case ev.Held(reason=reason):
            return f"held: {reason}"
        case ev.HoldCleared(reason=reason):
            return f"hold cleared: {reason}"
        case ev.PersonNeeded(reason=reason):
            return f"a person is needed: {reason}"
        case ev.Paused(reason=reason):
            return "paused" + (f": {reason}" if reason else "")
        case ev.Resumed(reason=reason):
            return "resumed" + (f": {reason}" if reason else "")
        case ev.TroubleReported(reason=reason):
            return "users report that it is worse" + (f": {reason}" if reason else "")
        case ev.ApprovalRequested(name=name):
            return f"phase {name} waits for an approval"
        case ev.Approved(reason=reason):
            return "approved" + (f": {reason}" if reason else "")
        case ev.PromotionForced(reason=reason):
            return "phase passed by a person before its time" + (f": {reason}" if reason else "")
        case ev.StepFailed(target=target, error=error, will=will):
            return f"{target} failed ({error}); {will}"
        case ev.RollbackStarted(reason=reason):
            return f"rolling back: {reason}"
        case ev.RolledBack(took_s=took, method=method):
            return f"rolled back in {took:.2f} s" + (f" by {method}" if method != "traffic" else "")
        case ev.LeastBadChosen(policy=policy, reason=reason):
            return f"not rolled back by itself, the plan says {policy}: {reason}"
        case ev.DirectRollback(method=method, detail=detail):
            return f"rolled back directly, without the coordinator, by {method}: {detail}"
        case ev.Promoted(reason=reason):
            return f"promoted: {reason}"
        case ev.Failed(detail=detail):
            return f"Pilotage failed: {detail}"
        case _:
            return _before(event) or _after(event)


def _after(event: ev.Event) -> str:
    """What happens after a rollout, and beside it."""
    match event:
        case ev.Announced(text=text, audience=audience):
            return f"said to {audience}: {text}"
        case ev.RecoveryConfirmed(reason=reason):
            return f"recovered: {reason}"
        case ev.RecoveryDoubtful(reason=reason):
            return f"not recovered: {reason}"
        case ev.InvestigationOpened(where=where):
            return f"the review's draft is written: {where}"
        case ev.FollowUpsPlanned(items=items):
            return f"{len(items)} follow-ups are planned" if len(items) != 1 else "1 follow-up is planned"
        case ev.FollowUpDue(text=text, who=who, times=times):
            return f"{'due' if times == 0 else 'still due'}: {text}" + (f" ({who})" if who else "")
        case ev.FollowUpDone(text=text, evidence=evidence):
            return f"done: {text}" + (f": {evidence}" if evidence else "")
        case ev.FollowUpFailed(text=text, evidence=evidence):
            return f"a follow-up does not hold: {text}: {evidence}"
        case ev.TicketOpened(text=text, where=where):
            return f"ticket opened, {where}: {text}"
        case ev.AftermathEnded(reason=reason):
            return reason
    raise AssertionError(event)


def _before(event: ev.Event) -> str:
    """What happens before a rollout."""
    match event:
        case ev.ChecklistPassed(items=items, late_s=late):
            overridden = [one.id for one in items if one.mark == "overridden"]
            done = sum(one.mark == "done" for one in items)
            said = f"checklist passed: {done} of {len(items)} items"
            said += f"; overridden: {', '.join(overridden)}" if overridden else ""
            return said + (f"; {duration(late)} after its deadline" if late >= 1 else "")
        case ev.PlanRegistered():
            return "Pilotage knows the plan"
        case ev.Ticked(item=item, note=note):
            return f"{item} ticked" + (f": {note}" if note else "")
        case ev.Unticked(item=item, note=note):
            return f"{item} no longer ticked" + (f": {note}" if note else "")
        case ev.ChecklistOverridden(item=item, text=text, reason=reason):
            return f"{item} overridden ({text}): {reason}"
        case ev.Rehearsed(failed=failed) if failed:
            return f"the rehearsal failed: {failed}"
        case ev.Rehearsed(targets=targets):
            return "rehearsed: " + ", ".join(f"{name} back in {seconds:.2f} s" for name, seconds in targets)
        case ev.StartScheduled(opens_at=opens_at):
            return f"starts when its window opens, {clock_time(opens_at)} UTC"
        case ev.StartOverdue(reason=reason):
            return f"the start is overdue: {reason}"
        case ev.StartRefused(reason=reason, final=final):
            return ("not started any more: " if final else "not started: ") + reason
        case ev.PlanClosed(reason=reason, rollout=rollout):
            return reason + (f" as {rollout}" if rollout else "")
    return ""


def report(
    plan: Plan,
    record: Sequence[ev.Recorded],
    samples: Sequence[Sample],
    verdicts: Mapping[tuple[int, int], Verdict],
    picture: str = "",
) -> str:
    """The whole report as Markdown; `verdicts` by (phase, tick), `picture` the relative address of its picture."""
    lines = [f"# {inline(plan.service)} {inline(plan.version)} in {inline(plan.environment)}", ""]
    lines += [f"**{inline(outcome(plan, record))}**", "", *_facts(plan, record), "", "## Comparison", ""]
    compared = comparison(plan, tally(samples, plan.measures))
    lines += table(compared.columns, compared.rows)
    lines += ["", "The canary's value; control's beside it where control had traffic in that phase.", ""]
    if picture:
        lines += [f"![The canary against control, and the evidence, over time](<{address(picture)}>)", ""]
    lines += log_lines(samples)
    lines += _checklist(record)
    lines += ["## Verdicts", "", *_verdicts(plan, verdicts), "## Timeline", ""]
    rows = [(clock_time(one.at), one.by, sentence(one.event)) for one in record]
    lines += table(("UTC", "by", "what"), rows)
    return "\n".join(lines) + "\n"


def outcome(plan: Plan, record: Sequence[ev.Recorded]) -> str:
    """How it ended, in one sentence."""
    state = fold(record)
    if state.status is Status.ROLLED_BACK:
        return f"Rolled back to {plan.previous}: {state.reason}."
    if state.status is Status.PROMOTED:
        return f"Promoted: {state.reason}."
    return f"Not ended: {state.status}" + (f", {state.reason}." if state.reason else ".")


def _facts(plan: Plan, record: Sequence[ev.Recorded]) -> list[str]:
    facts = [
        f"- What: {inline(plan.summary)} ({plan.severity.value}, {plan.strategy.value})",
        f"- Versions: {inline(plan.previous)} -> {inline(plan.version)}",
        f"- Plan: `{plan.digest}`",
    ]
    if record:
        facts.append(f"- Began {clock_time(record[0].at)} UTC, took {duration(record[-1].at - record[0].at)}")
    turned = next((one for one in record if isinstance(one.event, ev.RollbackStarted)), None)
    back = next((one for one in record if isinstance(one.event, ev.RolledBack)), None)
    if turned is not None:
        began = first_traffic(record, turned)
        if began is not None:
            facts.append(f"- Time to detect: {turned.at - began:.1f} s after the phase's first traffic to the canary")
        if back is not None:
            facts.append(f"- Time to recover: {back.at - turned.at:.2f} s from the decision to traffic back on stable")
    return facts


def first_traffic(record: Sequence[ev.Recorded], turned: ev.Recorded) -> float | None:
    """When the canary got traffic in the phase in which `turned` stands; None when it had none.

    A phase that moves no traffic counts from its beginning, if an earlier one moved some.
    """
    before = [one for one in record if one.number < turned.number]
    start = next((one for one in reversed(before) if isinstance(one.event, ev.PhaseStarted)), None)
    shifts = [one for one in before if isinstance(one.event, ev.WeightSet) and one.event.in_force > 0]
    if start is None:
        return shifts[0].at if shifts else None
    within = [one.at for one in shifts if one.number > start.number]
    if within:
        return within[0]
    return start.at if shifts else None


def _checklist(record: Sequence[ev.Recorded]) -> list[str]:
    """What was ticked and seen when it was allowed to begin."""
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    if passed is None:
        return []
    rows = []
    for one in passed.items:
        who = f"{one.by}, {clock_time(one.at)}" if one.by else "looked up" if one.evidence else "nobody"
        advised = "" if one.required else " (advised)"
        rows.append((one.mark + advised, one.text, who, one.evidence or "-"))
    return ["## Checklist", "", *table(("", "item", "by", "evidence or reason"), rows), ""]


def _verdicts(plan: Plan, verdicts: Mapping[tuple[int, int], Verdict]) -> list[str]:
    last: dict[int, tuple[int, Verdict]] = {}
    for (phase, tick), verdict in sorted(verdicts.items()):
        if tick >= 0:
            last[phase] = (tick, verdict)
    lines: list[str] = []
    for phase, (tick, verdict) in last.items():
        lines += [f"### {inline(plan.phases[phase].name)}: {verdict.action.value} at tick {tick}", ""]
        for finding in verdict.findings:
            mark = MARKS[finding.action]
            lines.append(f"- {mark} **{finding.metric}**: {inline(finding.sentence)}")
        lines.append("")
    return lines or ["No sample was taken.", ""]


def clock_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
