"""Pieces and what a person says -> a commented plan file, by the planner that `pilotage plan` uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pilotage.core import policy
from pilotage.core.brief import Brief, Value
from pilotage.core.brief.needed import names
from pilotage.core.planning import PlanDraft, draft
from pilotage.core.planning.draft import KINDS_DRAFTED
from pilotage.core.planning.drivers import missing
from pilotage.core.planning.entries import Entry, Row, one_line
from pilotage.core.planning.phases import watch_s
from pilotage.core.proposals import Proposal, Repository
from pilotage.core.quantities import written
from pilotage.importing.pieces import Pieces
from pilotage.importing.spots import Note, told

_KNOWN_BAD = "true when the running version is the sick one, false when it is healthy"
_LEAST = "least_bad, when going back is no way out: hold where it is, or flag-off, or fix-forward."
_ASSUMED = ("ASSUMED known_bad", "ASSUMED version")
_MOST_TOLD = 60


def brief_of(pieces: Pieces, brief: Brief) -> Brief:
    """What the files say, where nobody said anything else."""
    changed = replace(brief, strategy=Value(pieces.strategy, source="repository"))
    if not brief.services:
        changed = replace(changed, services=(Value(pieces.service[0], source="repository"),))
    return replace(changed, missing=names(changed))


def plan_of(
    pieces: Pieces, brief: Brief, known_bad: bool | None, notes: Sequence[Note], files: Sequence[str]
) -> PlanDraft:
    """`brief` as of `brief_of`. `known_bad` None: nobody said, so it is asked."""
    brief = replace(brief, known_bad=Value(known_bad is not False, source="option"))
    drafted = draft(brief, _proposals(pieces))
    lines = told([one for one in notes if one.look or one.equal in ("none", "unknown", "question")])
    warnings = [one for one in drafted.warnings if not one.startswith(_ASSUMED)]
    warnings += [*lines[:_MOST_TOLD], *([f"{len(lines) - _MOST_TOLD} more"] if len(lines) > _MOST_TOLD else [])]
    head = Entry(above=tuple(_head(pieces, files, warnings)))
    entries = (head, *_entries(pieces, brief, known_bad, drafted.entries[1:]))
    return PlanDraft(entries, (*pieces.head, *(one_line(one) for one in warnings)))


def _proposals(pieces: Pieces) -> Repository:
    """So that the planner knows that there is a way to deploy."""
    found = [
        Proposal("deploy", str(row["name"]), str(row["driver"]), {}, ()) for row in pieces.deploy if "driver" in row
    ]
    return Repository(proposals=tuple(found))


def _head(pieces: Pieces, files: Sequence[str], warnings: Sequence[str]) -> Iterator[str]:
    yield f"{pieces.title}, from {', '.join(one_line(one) for one in files)[:300]}"
    yield "Fill in every REPLACE_ME; `pilotage check` names mistakes, `pilotage document` writes it for reading."
    for one in (*pieces.head, *warnings):
        yield f"! {one_line(one)}"


def _entries(pieces: Pieces, brief: Brief, known_bad: bool | None, drafted: Iterable[Entry]) -> Iterator[Entry]:
    for one in drafted:
        yield from _replaced(pieces, brief, known_bad, one)
        if one.key == "metrics" and pieces.logs is not None:
            above = ("Both versions' logs: what the new one logs and the old one never did.", *pieces.logs_above)
            yield Entry("logs", tuple(Entry(key, row) for key, row in pieces.logs.items()), above=above, gap=True)


def _replaced(pieces: Pieces, brief: Brief, known_bad: bool | None, one: Entry) -> list[Entry]:
    match one.key:
        case "service" if brief.services and brief.services[0].source == "repository":
            return [replace(one, note=pieces.service[1])]
        case "version" | "previous" if (
            one.value is not None and str(one.value).startswith("REPLACE_ME") and pieces.image
        ):
            return [replace(one, value=f"{one.value}; the files have {pieces.image}")]
        case "strategy":
            return [replace(one, note=pieces.why)]
        case "known_bad" if known_bad is None:
            return [Entry("known_bad", missing(_KNOWN_BAD))]
        case "rollback" if known_bad is None:
            return [replace(one, above=tuple(_LEAST if line.startswith("least_bad") else line for line in one.above))]
        case "phases" if not pieces.usual_phases:
            return [replace(one, value=_phases(pieces, brief))]
        case "after" if pieces.after_s is not None:
            return [replace(one, value={**one.value, "watch": written(pieces.after_s)}, note=pieces.after_why)]
        case "blue_green" if pieces.blue_green:
            return [replace(one, value=pieces.blue_green)]
        case "deploy" if pieces.deploy:
            return [Entry("deploy", pieces.deploy, above=pieces.deploy_above, gap=True)]
        case "traffic" if pieces.traffic:
            return [Entry("traffic", pieces.traffic, above=pieces.traffic_above, gap=True)]
        case "metrics" if pieces.measured.metrics:
            return [_metrics(pieces, known_bad, one)]
        case "success" if pieces.measured.success:
            found = pieces.measured
            return [replace(one, value={**one.value, **found.success}, note=found.why_success)]
        case "rollback_when" if pieces.measured.rollback_when:
            found = pieces.measured
            return [replace(one, value={**one.value, **found.rollback_when}, note=found.why_rollback)]
        case "hold" if pieces.hold is not None:
            return [replace(one, value={**one.value, **pieces.hold[0]}, note=pieces.hold[1])]
        case "judge":
            judged = len(pieces.phases) + 1
            return [
                one
                if pieces.usual_phases
                else replace(one, above=(policy.budget_sentence(KINDS_DRAFTED, judged, 0.01),))
            ]
        case "checklist" if pieces.checklist:
            return [replace(one, value=[*one.value, *pieces.checklist])]
        case "notify" if pieces.notify:
            return [replace(one, value=[*one.value, *pieces.notify])]
        case "" if pieces.logs is not None and any(line == "logs:" for line in one.above):
            return []
    return [one]


def _phases(pieces: Pieces, brief: Brief) -> list[Row]:
    usual = watch_s(brief)
    rows = []
    for one in pieces.phases:
        watch = 1800.0 if one.weight == 100 else usual
        row = one.row(watch)
        rows.append(row if one.watch_s else Row(row.value, f"{row.note}; no watch is said: Pilotage's usual one"))
    return rows


def _metrics(pieces: Pieces, known_bad: bool | None, drafted: Entry) -> Entry:
    """The bug's own metric, as the planner asks for it, with what the files measure."""
    sections: list[Any] = list(pieces.measured.metrics)
    source = next(one.value["source"] for one in sections if one.key == "errors")
    bug = next((one for one in drafted.value if one.key == "bug"), None)
    after = next((index for index, one in enumerate(sections) if one.key == "guards"), len(sections))
    if known_bad is not False and bug is not None:
        above = bug.above if known_bad else (*bug.above, "Leave it out where known_bad is false.")
        sections.insert(after, replace(bug, value={**bug.value, "source": source}, above=above))
    return Entry("metrics", tuple(sections), above=pieces.measured.above, gap=True)
