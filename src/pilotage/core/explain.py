"""Why a rollout went back, holds, was promoted, or what it waits for: one sentence, then the numbers, then what to do.

Pure: the record, the samples and the stored verdicts in, an `Explanation` out. The reason is the judge's own sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilotage.core import events as ev
from pilotage.core.logreport import example_of
from pilotage.core.model import Action, Finding, Plan, Sample, Verdict
from pilotage.core.next_step import next_step
from pilotage.core.planning.phases import USUAL_ERRORS
from pilotage.core.power import smallest_visible
from pilotage.core.quantities import duration, span
from pilotage.core.state import RolloutState, Status, fold
from pilotage.core.tally import totals
from pilotage.core.turn import first_traffic
from pilotage.core.words import MARKS, clock_time, e_value, printable, unit_of

Verdicts = Mapping[tuple[int, int], Verdict]


@dataclass(frozen=True)
class Crossing:
    """The first tick of a phase at which a finding's evidence reached its threshold (both log e-values)."""

    phase: str
    metric: str
    tick: int
    after_s: float
    evidence: float
    threshold: float


@dataclass(frozen=True)
class Explanation:
    """`sentence` says it all; `phase`, `tick` and `findings` are the deciding (or the last) verdict's.

    `turned_by` is the metric that decided, empty when a person or a driver did. `seen` says what the phase could have
    seen at the observed rate, `data` how many ticks were faulty; both empty without samples.
    """

    sentence: str
    next: str
    phase: str = ""
    tick: int | None = None
    after_s: float | None = None
    action: Action | None = None
    turned_by: str = ""
    findings: tuple[Finding, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    seen: str = ""
    data: str = ""
    example: tuple[str, ...] = ()
    """Lines of the log entry that the deciding finding is about; else of the first that only the canary has shown."""


def explain(
    rollout: str, plan: Plan, record: Sequence[ev.Recorded], samples: Sequence[Sample], verdicts: Verdicts
) -> Explanation:
    """Of a rollout at any moment, also before its first sample."""
    state = fold(record)
    samples = [one for one in samples if one.tick >= 0]  # before it is the time before the rollout
    verdicts = {place: verdict for place, verdict in verdicts.items() if place[1] >= 0}
    place = max((key for key in verdicts if key[0] <= state.phase), default=None)
    verdict = None if place is None else verdicts[place]
    turn = turning(verdict) if verdict is not None and _by_judge(record) else None
    sentence = _sentence(plan, record, samples, state, verdict if place and place[0] == state.phase else None)
    what_next = next_step(rollout, state, turn)
    if place is None or verdict is None:
        return Explanation(sentence, what_next, plan.phases[state.phase].name)
    phase, tick = place
    rows = [one for one in samples if one.phase == phase]
    return Explanation(
        sentence,
        what_next,
        plan.phases[phase].name,
        tick,
        _after(rows, tick),
        verdict.action,
        "" if turn is None else turn.metric,
        verdict.findings,
        _crossings(plan, samples, verdicts),
        _seen(plan, phase, rows),
        next((one.sentence for one in verdict.findings if one.metric == "data"), ""),
        tuple(example_of(samples, "" if turn is None else turn.sentence)),
    )


# ------------------------------------------------------------------ the sentence


def _sentence(
    plan: Plan,
    record: Sequence[ev.Recorded],
    samples: Sequence[Sample],
    state: RolloutState,
    verdict: Verdict | None,
) -> str:
    if not record:
        return "nothing is stored yet: the rollout is being started"
    name = plan.phases[state.phase].name
    match state.status:
        case Status.ROLLED_BACK | Status.ROLLING_BACK:
            return _went_back(plan, record, state, verdict)
        case Status.PROMOTED:
            return _promoted(plan, record, samples)
        case Status.FAILED:
            return f"Pilotage itself failed in phase {name}: {state.reason}"
        case Status.AWAITING_APPROVAL:
            asked = next(one.event for one in reversed(record) if isinstance(one.event, ev.ApprovalRequested))
            return f"waits for an approval: phase {asked.name} does not begin without one"
        case Status.HELD | Status.PAUSED:
            return _stands(plan, record, state, name)
        case Status.WATCHING:
            return _watching(plan, state, name, verdict)
    return f"{state.status}: traffic is being moved for phase {name}" + (f"; {state.reason}" if state.reason else "")


def _went_back(plan: Plan, record: Sequence[ev.Recorded], state: RolloutState, verdict: Verdict | None) -> str:
    """Past a coordinator that did not answer, nothing but the way back itself is in the record."""
    turned = next(
        one for one in record if isinstance(one.event, ev.RollbackStarted | ev.DirectRollback | ev.RolledBack)
    )
    assert isinstance(turned.event, ev.RollbackStarted | ev.DirectRollback | ev.RolledBack)
    decided = turned.event.verdict if isinstance(turned.event, ev.RollbackStarted) else None
    done = "rolled back" if state.status is Status.ROLLED_BACK else "is being rolled back; decided"
    by = "" if turned.by == "pilotage" else f" by {turned.by}"
    said = f"{done}{by} {_since_shift(plan, record, turned)}: {turned.event.reason}"
    if decided is None and by:
        judge = "had no verdict yet" if verdict is None else f"said {verdict.action.value}: {verdict.reason}"
        said += f" (the judge {judge})"
    return f"{said}; {state.reason}" if state.needs_person else said


def _since_shift(plan: Plan, record: Sequence[ev.Recorded], turned: ev.Recorded) -> str:
    """How long after the canary's first traffic of the deciding phase."""
    at = first_traffic(record, turned)
    if at is None:
        return f"{duration(turned.at - record[0].at)} after the start, before any traffic moved"
    phase = plan.phases[fold(one for one in record if one.number < turned.number).phase]
    into = "after the shift to" if phase.steps else "into the phase"
    return f"{span(turned.at - at)} {into} {phase.name}"


def _promoted(plan: Plan, record: Sequence[ev.Recorded], samples: Sequence[Sample]) -> str:
    """The errors of the last phase that had control beside it: there the comparison was fairest."""
    took = duration(record[-1].at - record[0].at)
    forced = [one for one in record if isinstance(one.event, ev.PromotionForced)]
    passed = [one.event for one in record if isinstance(one.event, ev.PhasePassed)]
    judged = [one for one in passed if plan.phases[one.phase].judged]
    said = f"promoted {took} after the start: "
    if judged:
        said += f"every criterion was met in {len(judged)} of {sum(one.judged for one in plan.phases)} judged phases"
    else:
        said += "no phase was passed by the judge"
    if forced:
        names = ", ".join(f"{plan.phases[_phase_of(one)].name} by {one.by}" for one in forced)
        said += f" (passed before their time: {names})"
    beside = [one for one in judged if _finding(one.verdict, "errors", with_control=True)]
    if beside:
        finding = _finding(beside[-1].verdict, "errors", with_control=True)
        assert finding is not None
        said += f"; at {beside[-1].name}: {finding.sentence}"
    return said


def _stands(plan: Plan, record: Sequence[ev.Recorded], state: RolloutState, name: str) -> str:
    """Held or paused: since when, why, and what happens if nothing changes."""
    began = next(one for one in reversed(record) if isinstance(one.event, ev.Held | ev.Paused | ev.LeastBadChosen))
    assert isinstance(began.event, ev.Held | ev.Paused | ev.LeastBadChosen)
    since = f"since {clock_time(began.at)[11:]} UTC in phase {name}"
    by = "" if began.by == "pilotage" else f" by {began.by}"
    if isinstance(began.event, ev.Paused):
        why = f": {began.event.reason}" if began.event.reason else ""
        return f"paused{by} {since}{why}; the judge goes on guarding"
    said = f"held{by} {since}: {began.event.reason}"
    if state.needs_person:
        return f"{said}; a person has to decide"
    deadline = clock_time(began.at + plan.hold.deadline_s)[11:]
    then = "it is rolled back" if plan.hold.then == "rollback" else "a person is asked"
    return f"{said}; if that does not clear, {then} at {deadline} UTC"


def _watching(plan: Plan, state: RolloutState, name: str, verdict: Verdict | None) -> str:
    if verdict is None:
        return f"watching phase {name}: no sample was taken in it yet"
    if state.needs_person:
        return f"a person has to decide in phase {name}: {verdict.reason}"
    phase = plan.phases[state.phase]
    left = duration(phase.watch_s * (1 - verdict.progress))
    open_ones = [one.sentence for one in verdict.findings if one.action is Action.WATCH]
    waits = f"waits for the rest of the watch, {left} of {duration(phase.watch_s)}"
    if verdict.action is Action.WATCH:
        known = f"; not yet known: {'; '.join(open_ones)}" if open_ones else ""
        return f"nothing against phase {name} so far: {waits}{known}"
    return f"watching phase {name}, the judge says {verdict.action.value}: {verdict.reason}"


def _phase_of(recorded: ev.Recorded) -> int:
    return recorded.event.phase if isinstance(recorded.event, ev.PromotionForced) else 0


def _finding(verdict: Verdict, metric: str, with_control: bool = False) -> Finding | None:
    found = (one for one in verdict.findings if one.metric == metric)
    return next((one for one in found if one.control is not None or not with_control), None)


def turning(verdict: Verdict) -> Finding | None:
    """The finding whose sentence is the verdict's reason (a hold's deadline puts words before it)."""
    asks = [one for one in verdict.findings if one.sentence and one.sentence in verdict.reason]
    return next((one for one in asks if one.action in (Action.ROLLBACK, Action.HOLD)), None)


def _by_judge(record: Sequence[ev.Recorded]) -> bool:
    """Whether the last turn was the judge's, not a person's or a driver's."""
    turns = [one.event for one in record if isinstance(one.event, ev.RollbackStarted | ev.Held | ev.Paused)]
    return not turns or (not isinstance(turns[-1], ev.Paused) and turns[-1].verdict is not None)


# ------------------------------------------------------------------ the numbers


def _after(rows: Sequence[Sample], tick: int) -> float | None:
    """Seconds from the phase's tick 0."""
    at = next((one.at for one in rows if one.tick == tick), None)
    return None if at is None else at - rows[0].at


def _crossings(plan: Plan, samples: Sequence[Sample], verdicts: Verdicts) -> tuple[Crossing, ...]:
    began = {one.phase: one.at for one in reversed(samples)}
    at = {(one.phase, one.tick): one.at for one in samples}
    found: dict[tuple[int, str], Crossing] = {}
    for phase, tick in sorted(verdicts):
        for one in verdicts[phase, tick].findings:
            if one.evidence is None or one.threshold is None or not one.evidence >= one.threshold:
                continue
            after = at.get((phase, tick), 0.0) - began.get(phase, 0.0)
            crossing = Crossing(plan.phases[phase].name, one.metric, tick, after, one.evidence, one.threshold)
            found.setdefault((phase, one.metric), crossing)
    return tuple(found.values())


def _seen(plan: Plan, phase: int, rows: Sequence[Sample]) -> str:
    """What the phase could have seen over its whole watch at the request rate observed in it."""
    counted, elapsed = totals(rows), rows[-1].at - rows[0].at if rows else 0.0
    requests = counted.canary.requests + counted.control.requests
    if not plan.phases[phase].judged or requests <= 0 or elapsed <= 0:
        return ""
    rate, watch_s = requests / elapsed, plan.phases[phase].watch_s
    at = f"at the observed {rate:.3g} requests a second"
    share = (
        counted.canary.requests / requests if not plan.phases[phase].share_known else plan.phases[phase].weight / 100
    )
    if counted.control.requests <= 0 or not 0 < share < 1:
        return f"{at} there is no control beside it: judged against the limits and what was recorded before"
    usual = counted.control.errors / counted.control.requests
    known = "control's" if usual > 0 else "an assumed"
    usual = usual or (plan.expected.errors if plan.expected else USUAL_ERRORS)
    seen = smallest_visible(rate * watch_s, share, usual, plan.limits.alpha)
    usually = f"{known} {usual:.2%}"
    if seen is None:
        return f"{at} its watch of {duration(watch_s)} could not be sure to see even a total failure above {usually}"
    return f"{at} its watch of {duration(watch_s)} sees errors of {seen:.2%} or more against {usually}, 95 % power"


# ------------------------------------------------------------------ in words


def explanation_text(one: Explanation) -> str:
    """What the command prints: the sentence, the numbers, the next step."""
    lines = [one.sentence]
    if one.tick is not None and one.action is not None:
        when = "" if one.after_s is None else f", {span(one.after_s)} after its first sample"
        lines += ["", f"Phase {one.phase}, tick {one.tick}{when}: {one.action.value}"]
        rows = [_row(finding, finding.metric == one.turned_by) for finding in one.findings]
        lines += _columns([("", "metric", "canary", "95 % interval", "control", "n", "evidence (limit)", ""), *rows])
        lines += [f"  data: {one.data}"] if one.data else []
    if one.example:
        lines += ["", "In the canary's log, not in control's:", *(f"  | {line}" for line in one.example)]
    if one.crossings:
        lines += ["", "Evidence first reached its threshold:"]
        lines += [f"  {each.phase}, {each.metric}: tick {each.tick}, {span(each.after_s)}" for each in one.crossings]
    if one.seen:
        lines += ["", f"What the phase could see: {one.seen}."]
    lines += ["", f"Next: {one.next}"]
    return "\n".join(printable(line) for line in lines)


def _row(one: Finding, decided: bool) -> tuple[str, ...]:
    unit = unit_of(one.metric, one.unit)
    interval = (
        "" if one.low is None or one.high is None or one.canary is None else f"{unit(one.low)} to {unit(one.high)}"
    )
    evidence = ""
    if one.evidence is not None and one.threshold is not None:
        evidence = f"{e_value(one.evidence)} ({e_value(one.threshold)})"
    mine, theirs = ("" if value is None else unit(value) for value in (one.canary, one.control))
    n = f"{one.n:,.0f}" if one.n else ""
    note = "<- this decided" if decided else ""
    if one.canary is None and one.action is not Action.PROMOTE:
        note = f"{note} {one.sentence}".strip()
    return MARKS[one.action], one.metric, mine, interval, theirs, n, evidence, note


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
