"""The report of a rollout: what happened, from the record, the samples and the verdicts. Pure; written in two forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from pilotage.core import events as ev
from pilotage.core.comparison import comparison
from pilotage.core.followups import follow_ups
from pilotage.core.impact import harmed_sentence, impact, spared_sentence
from pilotage.core.logreport import log_section
from pilotage.core.model import Plan, Sample, Verdict
from pilotage.core.pages import (
    Bullet,
    Bullets,
    Code,
    Facts,
    Line,
    Page,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
    bullets,
)
from pilotage.core.pages.html import html
from pilotage.core.pages.markdown import markdown
from pilotage.core.picture import picture as drawn
from pilotage.core.quantities import duration
from pilotage.core.sent import SentMessage
from pilotage.core.sentences import sentence
from pilotage.core.state import Status, fold
from pilotage.core.tally import tally
from pilotage.core.turn import Turn, turn_of
from pilotage.core.words import MARKS, clock_time

Verdicts = Mapping[tuple[int, int], Verdict]
"""By (phase, tick)."""


def report(
    plan: Plan,
    record: Sequence[ev.Recorded],
    samples: Sequence[Sample],
    verdicts: Verdicts,
    picture: str = "",
    messages: Sequence[SentMessage] = (),
) -> str:
    """The whole report as Markdown; `picture` is the relative address of its picture."""
    return markdown(content(plan, record, samples, verdicts, Picture(_ABOUT, address=picture), messages))


def report_page(
    plan: Plan,
    record: Sequence[ev.Recorded],
    samples: Sequence[Sample],
    verdicts: Verdicts,
    messages: Sequence[SentMessage] = (),
) -> str:
    """The same as one HTML file, the picture within it."""
    svg = drawn(plan, verdicts, outcome(plan, record))
    return html(content(plan, record, samples, verdicts, Picture(_ABOUT, svg), messages))


_ABOUT = "The canary against control, and the evidence, over time"


def content(
    plan: Plan,
    record: Sequence[ev.Recorded],
    samples: Sequence[Sample],
    verdicts: Verdicts,
    picture: Picture,
    messages: Sequence[SentMessage] = (),
) -> Page:
    """What the report says, in either form."""
    turn = turn_of(record)
    sections = [
        impact_section(plan, samples),
        _recovery(record, turn),
        _comparison(plan, samples, picture),
        log_section(samples),
        checklist_section(record),
        Section("Verdicts", *_verdicts(plan, verdicts)),
        timeline_section(record),
        _messages(messages),
        follow_up_section(record),
    ]
    return Page(title(plan), outcome(plan, record), (facts(plan, record, turn),), tuple(one for one in sections if one))


def title(plan: Plan) -> str:
    return f"{plan.service} {plan.version} in {plan.environment}"


def outcome(plan: Plan, record: Sequence[ev.Recorded]) -> str:
    """How it ended, in one sentence."""
    state = fold(record)
    if state.status is Status.ROLLED_BACK:
        return f"Rolled back to {plan.previous}: {state.reason}."
    if state.status is Status.PROMOTED:
        return f"Promoted: {state.reason}."
    return f"Not ended: {state.status}" + (f", {state.reason}." if state.reason else ".")


def facts(plan: Plan, record: Sequence[ev.Recorded], turn: Turn | None) -> Facts:
    rows: list[tuple[str, Line]] = [
        ("What", f"{plan.summary} ({plan.severity.value}, {plan.strategy.value})"),
        ("Versions", f"{plan.previous} -> {plan.version}"),
        ("Plan", Code(plan.digest)),
    ]
    if record:
        ends = [one for one in record if isinstance(one.event, ev.RolledBack | ev.Promoted | ev.Failed)]
        took = duration((ends or record)[-1].at - record[0].at)
        rows.append(("Began", f"{clock_time(record[0].at)} UTC, took {took}"))
    return Facts((*rows, *(times(turn) if turn else ())))


def times(turn: Turn) -> Iterator[tuple[str, Line]]:
    """How long each part of the way back took, as far as it is known."""
    if turn.detect_s is not None:
        yield "Time to detect", f"{turn.detect_s:.1f} s after the phase's first traffic to the canary"
    if turn.sign is not turn.decided:
        yield "Time to decide", f"{duration(turn.decide_s)} from the first sign ({sentence(turn.sign.event)})"
    if turn.recover_s is not None:
        yield "Time to recover", f"{turn.recover_s:.2f} s from the decision to traffic back on stable"
    if turn.recovery is not None:
        yield "Recovery", f"{sentence(turn.recovery)} (after {duration(turn.recovery.took_s)})"


def impact_section(plan: Plan, samples: Sequence[Sample]) -> Section:
    told = impact(plan, samples)
    rows: list[tuple[str, Line]] = [("The bug", plan.preparation.impact)] if plan.preparation.impact else []
    rows.append(("Requests harmed", harmed_sentence(plan, told)))
    spared = spared_sentence(plan, told)
    if spared:
        rows.append(("Requests spared", spared))
    return Section("Impact", (Facts(tuple(rows)),))


def _recovery(record: Sequence[ev.Recorded], turn: Turn | None) -> Section | None:
    """The way back: what was tried, what worked, whether the metrics are what they were before."""
    kinds = (ev.LeastBadChosen, ev.DirectRollback, ev.RolledBack, ev.RecoveryConfirmed, ev.RecoveryDoubtful)
    failed = turn.failed if turn else ()
    told = [one for one in record if isinstance(one.event, kinds) or one in failed]
    if not told:
        return None
    lines: list[Line] = [f"{clock_time(one.at)[11:]} {sentence(one.event)}" for one in told]
    if turn is not None and turn.back is not None and turn.recovery is None:
        lines.append("whether the metrics came back to what they were is not in the record")
    return Section("Recovery", (bullets(lines),))


def _comparison(plan: Plan, samples: Sequence[Sample], picture: Picture) -> Section:
    compared = comparison(plan, tally(samples, plan.measures))
    table = Table("The canary in each phase, control in brackets", compared.columns, compared.rows)
    said = Paragraph("The canary's value; control's beside it where control had traffic in that phase.")
    return Section("Comparison", (table, said, picture))


def checklist_section(record: Sequence[ev.Recorded]) -> Section | None:
    """What was ticked and seen when it was allowed to begin."""
    passed = next((one.event for one in record if isinstance(one.event, ev.ChecklistPassed)), None)
    if passed is None:
        return None
    rows: list[tuple[Line, ...]] = []
    for one in passed.items:
        who = f"{one.by}, {clock_time(one.at)}" if one.by else "looked up" if one.evidence else "nobody"
        advised = "" if one.required else " (advised)"
        rows.append((one.mark + advised, one.text, who, one.evidence or "-"))
    columns = ("state", "item", "by", "evidence or reason")
    return Section("Checklist", (Table("As it stood when the rollout began", columns, tuple(rows)),))


def _verdicts(plan: Plan, verdicts: Verdicts) -> tuple[tuple[Paragraph, ...], tuple[Section, ...]]:
    """The last one of each phase, with everything that was found."""
    last: dict[int, tuple[int, Verdict]] = {}
    for (phase, tick), verdict in sorted(verdicts.items()):
        if tick >= 0:
            last[phase] = (tick, verdict)
    parts = []
    for phase, (tick, verdict) in last.items():
        found = [Bullet((f"{MARKS[one.action]} ", Strong(one.metric), f": {one.sentence}")) for one in verdict.findings]
        name = f"{plan.phases[phase].name}: {verdict.action.value} at tick {tick}"
        parts.append(Section(name, (Bullets(tuple(found)),) if found else (Paragraph(verdict.reason),)))
    return (() if parts else (Paragraph("No sample was taken."),)), tuple(parts)


def timeline_section(record: Sequence[ev.Recorded]) -> Section:
    rows = tuple((clock_time(one.at), one.by, sentence(one.event)) for one in record)
    return Section("Timeline", (Table("Every event of the record", ("UTC", "by", "what"), rows),))


def _messages(messages: Sequence[SentMessage]) -> Section | None:
    if not messages:
        return None
    rows = tuple((clock_time(one.at), one.audience, one.channel, one.kind, one.title) for one in messages)
    columns = ("UTC", "to", "through", "about", "title")
    return Section("Messages", (Table("What was sent", columns, cast("tuple[tuple[Line, ...], ...]", rows)),))


def follow_up_section(record: Sequence[ev.Recorded], heading: str = "Follow-ups") -> Section | None:
    rows: list[tuple[Line, ...]] = []
    for one in follow_ups(record):
        seen = "; ".join(part for part in (one.evidence, one.where) if part) or "-"
        by = f"{one.by}, {clock_time(one.at)}" if one.status in ("done", "failed") else "-"
        rows.append((one.text, one.who or "-", clock_time(one.due_at), one.status, by, seen))
    if not rows:
        return None
    columns = ("what", "who", "due (UTC)", "state", "by", "evidence, ticket")
    return Section(heading, (Table("Where each follow-up stands", columns, tuple(rows)),))
