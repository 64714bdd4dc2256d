"""The draft of a review: what is known, in the order in which people ask, and room for what only people know.

No cause is guessed and nobody is blamed; where nothing is known, that is what it says.
"""

from __future__ import annotations

from collections.abc import Sequence

from pilotage.core import events as ev
from pilotage.core.events import Recorded
from pilotage.core.explain import turning
from pilotage.core.followups import follow_ups
from pilotage.core.logreport import errors_of, example_lines
from pilotage.core.model import Action, Plan, Sample, Verdict
from pilotage.core.next_step import repair
from pilotage.core.observed import missing_data, what_did_not, what_worked
from pilotage.core.pages import Block, Bullet, Bullets, Code, Facts, Line, Page, Paragraph, Section, Table, bullets
from pilotage.core.pages.markdown import markdown
from pilotage.core.quantities import span
from pilotage.core.report import Verdicts, facts, follow_up_section, impact_section, outcome, times, title
from pilotage.core.sent import SentMessage
from pilotage.core.sentences import sentence
from pilotage.core.state import Status, fold
from pilotage.core.turn import Turn, moves_traffic, turn_of
from pilotage.core.words import clock_time

_TOLD = (
    *(ev.RolloutStarted, ev.ChecklistOverridden, ev.PhaseStarted, ev.PhasePassed, ev.Held, ev.HoldCleared),
    *(ev.PersonNeeded, ev.Paused, ev.Resumed, ev.TroubleReported, ev.ApprovalRequested, ev.Approved),
    *(ev.PromotionForced, ev.StepFailed, ev.RollbackStarted, ev.RolledBack, ev.LeastBadChosen, ev.DirectRollback),
    *(ev.RecoveryConfirmed, ev.RecoveryDoubtful, ev.Promoted, ev.Failed),
)
"""What a review's timeline shows; the report's has every event."""
_FOR_PEOPLE = "(not known to Pilotage: for those who looked into it)"
_MOST = 10


def review(
    plan: Plan,
    record: Sequence[Recorded],
    samples: Sequence[Sample],
    verdicts: Verdicts,
    messages: Sequence[SentMessage] = (),
) -> str:
    """The draft as Markdown."""
    turn = turn_of(record)
    sections = (
        Section("Summary", (facts(plan, record, None),)),
        impact_section(plan, samples),
        _timeline(record, turn),
        Section("Times", (Facts(tuple(times(turn))) if turn else Paragraph("It did not go back."),)),
        _way_back(turn),
        _list("What worked", what_worked(plan, record, turn, messages), "Nothing of it is in the record."),
        _list("What did not", what_did_not(record, turn, messages), "The record has nothing that went wrong."),
        Section("Open questions", _questions(plan, record, samples, verdicts)),
        Section("Causes", (), tuple(Section(one, (Paragraph(_FOR_PEOPLE),)) for one in _CAUSES)),
        follow_up_section(record, "Action items") or Section("Action items", (Paragraph("No follow-up is planned."),)),
        _list("The next try", _next(plan, record, samples, turn), "Nothing: it is in place."),
    )
    draft = Paragraph("A draft, written from the record. Nothing here is about who; complete what only people know.")
    return markdown(Page(f"Review: {title(plan)}", outcome(plan, record), (draft,), sections))


_CAUSES = (
    "What in the change led to it",
    "Why it was not seen before production",
    "What made it better or worse than it had to be",
)


def _list(heading: str, lines: Sequence[Line], otherwise: str) -> Section:
    return Section(heading, (bullets(list(lines)),) if lines else (Paragraph(otherwise),))


# ------------------------------------------------------------------ the course


def _timeline(record: Sequence[Recorded], turn: Turn | None) -> Section:
    first = _first_traffic(record, turn)
    told = [one for one in record if isinstance(one.event, _TOLD) or one is first]
    rows: list[tuple[Line, ...]] = []
    before: float | None = None
    for at, one in sorted(((_at(one), one) for one in told), key=lambda pair: pair[0]):
        gap = "-" if before is None else f"+{span(at - before)}"
        rows.append((clock_time(at), gap, one.by, sentence(one.event), _mark(one, first, turn)))
        before = at
    if not rows:
        return Section("Timeline", (Paragraph("The record is empty."),))
    columns = ("UTC", "after", "by", "what", "mark")
    return Section("Timeline", (Table("What matters, and the time between", columns, tuple(rows)),))


def _at(one: Recorded) -> float:
    return one.event.at if isinstance(one.event, ev.DirectRollback) else one.at


def _first_traffic(record: Sequence[Recorded], turn: Turn | None) -> Recorded | None:
    if turn is None or turn.traffic is None:
        return None
    return next((one for one in record if one.at == turn.traffic and moves_traffic(one.event)), None)


def _mark(one: Recorded, first: Recorded | None, turn: Turn | None) -> str:
    """What the times are counted from, and to."""
    if one is first:
        return "first traffic"
    if turn is None:
        return ""
    marks = ["detection"] if one is turn.sign else []
    marks += ["decision"] if one is turn.decided else []
    marks += (
        ["traffic back"] if isinstance(one.event, ev.RolledBack | ev.DirectRollback) and _at(one) == turn.back else []
    )
    marks += ["recovery"] if isinstance(one.event, ev.RecoveryConfirmed) else []
    return ", ".join(marks)


def _way_back(turn: Turn | None) -> Section:
    heading = "What went back, and how"
    if turn is None:
        return Section(heading, (Paragraph("Nothing went back."),))
    lines = [f"why: {sentence(turn.decided.event)} (by {turn.decided.by})"]
    lines += [f"failed: {sentence(one.event)}" for one in turn.failed]
    if turn.direct is not None:
        lines.append(f"by hand: {sentence(turn.direct)}")
    elif turn.back is not None:
        lines.append(f"worked: {turn.method}" + ("" if turn.took_s is None else f", in {turn.took_s:.2f} s"))
    else:
        lines.append("the traffic is not back, as far as the record says")
    if turn.recovery is None:
        lines.append("whether the metrics came back to what they were is not in the record")
    return Section(heading, (bullets(list(lines)),))


# ------------------------------------------------------------------ what is open


def _questions(
    plan: Plan, record: Sequence[Recorded], samples: Sequence[Sample], verdicts: Verdicts
) -> tuple[Block, ...]:
    items = [Bullet(f"At the end: {one}") for one in _against(verdicts)]
    if items:
        items.append(Bullet(f"What between {plan.previous} and {plan.version} explains that?"))
    new = [one for one in errors_of(samples) if not one.known]
    for one in new[:_MOST]:
        said = f": logged {one.canary:,} times by the canary only, first at {clock_time(one.since)}. Where is it from?"
        items.append(Bullet((Code(one.signature.title), said), example_lines(one.signature)))
    if len(new) > _MOST:
        items.append(Bullet(f"{len(new) - _MOST} more new errors are in the report."))
    for event in _overridden(record):
        items.append(Bullet(f"Passed over: {event.text} ({event.reason}). Would it have shown this?"))
    items += [Bullet(f"Not seen: {one}. What was missed?") for one in missing_data(samples)]
    return (Bullets(tuple(items)),) if items else (Paragraph("The record and the samples leave none."),)


def _against(verdicts: Verdicts) -> list[str]:
    """What spoke against the new version at the last tick."""
    last = max((place for place in verdicts if place[1] >= 0), default=None)
    findings = verdicts[last].findings if last is not None else ()
    return [one.sentence for one in findings if one.action in (Action.ROLLBACK, Action.HOLD)]


def _overridden(record: Sequence[Recorded]) -> list[ev.ChecklistOverridden]:
    """Noted one by one, or kept in the checklist as it stood."""
    noted = [one.event for one in record if isinstance(one.event, ev.ChecklistOverridden)]
    known = {one.item for one in noted}
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    items = passed.items if passed else ()
    return noted + [
        ev.ChecklistOverridden(one.id, one.text, one.evidence or "no reason is kept")
        for one in items
        if one.mark == "overridden" and one.id not in known
    ]


# ------------------------------------------------------------------ the next try


def _next(plan: Plan, record: Sequence[Recorded], samples: Sequence[Sample], turn: Turn | None) -> list[Line]:
    if fold(record).status is Status.PROMOTED:
        return []
    lines: list[Line] = []
    finding = turning(verdict) if (verdict := _verdict_of(turn)) is not None else None
    lines.append(repair(finding) if finding is not None else "Find the cause; nothing the judge saw names it.")
    lines += [f"Repair the way back first: {sentence(one.event)}" for one in (turn.failed if turn else ())]
    if turn is not None and turn.failed:
        lines.append(("Practise it: ", Code("pilotage rehearse plan.yaml")))
    lines += [f"Do what was passed over: {one.text}" for one in _overridden(record)]
    if missing_data(samples):
        lines.append("See to it that what could not be read can be read.")
    lines += [f"First: {one.text}" for one in follow_ups(record) if one.status == "failed"]
    lines.append(("Check the new plan: ", Code("pilotage check plan.yaml"), f" (this one was {plan.digest})"))
    return lines


def _verdict_of(turn: Turn | None) -> Verdict | None:
    """The judge's, if it was the judge's decision or its hold came first."""
    for one in (turn.decided, turn.sign) if turn else ():
        if isinstance(one.event, ev.RollbackStarted | ev.Held | ev.LeastBadChosen) and one.event.verdict is not None:
            return one.event.verdict
    return None
