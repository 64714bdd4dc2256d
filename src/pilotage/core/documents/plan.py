"""plan.md: the plan for somebody who has never seen Pilotage, in the order in which it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.core.documents import after, before, during
from pilotage.core.documents.facts import Facts
from pilotage.core.documents.moves import last_watch, moves, tests
from pilotage.core.documents.wayback import way_back
from pilotage.core.markdown import Marked, code, inline, table
from pilotage.core.quantities import duration

HOW_SOON = {"P0": "starts at once", "P1": "starts within the hour", "P2": "starts in its window"}

HOW = {
    "canary": ": in rising shares of the traffic",
    "blue-green": ": tested on a second colour, then all of the traffic at once",
    "rolling": ": server by server",
}


def plan_document(
    data: Mapping[str, Any],
    *,
    file: str = "plan.yaml",
    digest: str = "",
    notes: Sequence[str] = (),
    read: str = "brief was",
) -> str:
    """Markdown. `data` is the plan's tree (placeholders included), `notes` what a person should know about how the
    brief (or what `read` names) was read."""
    facts = Facts(data, file)
    lines = [f"# Deployment plan: {inline(facts.said('summary', 'no summary'))}", ""]
    lines += [*_head(facts, digest), *_open(facts), *_notes(notes, read), *_short(facts), *_commands(facts)]
    lines += before.checklist(facts)
    lines += during.phases(facts)
    lines += during.watched(facts)
    lines += during.passes(facts)
    lines += during.goes_back(facts)
    lines += way_back(facts)
    lines += after.messages(facts)
    lines += after.follow_ups(facts)
    lines += after.contacts(facts)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(facts: Facts, digest: str) -> list[str]:
    severity = facts.said("severity", "no severity")
    start = facts.at("start")
    soon = HOW_SOON.get(severity, "")
    if isinstance(start, Mapping) and "from" in start:
        times = f"{facts.said('start.from')} to {facts.said('start.until')}"
        soon = f"starts in its window: {times} ({facts.said('start.zone')})"
    elif isinstance(start, Mapping) and "within" in start:
        soon = f"starts within {facts.lasting('start.within')} of becoming known; later is overdue"
    rows: list[tuple[str, str]] = [
        ("Service", f"{facts.said('service')}, in {facts.said('environment')}{_listed(facts, 'regions', ', ')}"),
        ("Version", f"{facts.new} replaces {facts.old}"),
        ("Severity", f"{severity}: {soon}" if soon else severity),
    ]
    if facts.said("impact"):
        rows.append(("Impact", facts.said("impact")))
    if facts.at("references"):
        rows.append(("Tickets", _listed(facts, "references")))
    rows.append(("Strategy", facts.said("strategy") + HOW.get(facts.said("strategy"), "")))
    if facts.at("known_bad") is not False:
        rows.append(
            ("Running version", "is the sick one: the fix must be better than it, and no worse in anything else")
        )
    if digest:
        rows.append(("Plan", Marked(f"{code(facts.file)}, {code(digest[:19])}")))
    return [*table(("", ""), rows), ""]


def _listed(facts: Facts, path: str, before_each: str = "") -> str:
    rows = facts.at(path)
    values = [str(one) for one in rows if not isinstance(one, (dict, list))] if isinstance(rows, list) else []
    return before_each + ", ".join(values) if values else ""


def _open(facts: Facts) -> list[str]:
    rows = list(facts.unfilled())
    if not rows:
        return []
    count = f"{len(rows)} place{'s are' if len(rows) > 1 else ' is'}"
    lines = [f"> **Not ready yet: {count} still to be filled in** in {code(facts.file)}.", ">"]
    lines += [f"> - {code(path)}: {inline(wanted)}" for path, wanted in rows]
    return [*lines, ""]


def _notes(notes: Sequence[str], read: str) -> list[str]:
    if not notes:
        return []
    return [f"**How the {read} read:**", "", *(f"- {inline(one)}" for one in notes), ""]


def _short(facts: Facts) -> list[str]:
    new, old = inline(facts.new), inline(facts.old)
    deadline = inline(facts.lasting("hold.deadline", "10m"))
    doubt = "asks a person" if facts.at("hold.then") == "ask" else "goes back"
    said = []
    if facts.said("baseline", "30s") not in ("0s", "0"):
        recorded = inline(facts.lasting("baseline", "30s"))
        said.append(f"Both versions are recorded for {recorded}; no traffic moves yet.")
    said += [_capital(one) for one in _moved(facts, new)]
    if (last := last_watch(facts)) is not None:
        said.append(f"With all traffic on {new}, {_lasts(facts)} {inline(last[0])}.")
    said += [
        f"It goes on by itself while the evidence is good, and sends everybody back to {old} when it is bad. "
        f"In doubt it holds where it is, and after {deadline} of doubt it {doubt}.",
        f"At any moment {code('pilotage rollback')} sends everybody back to {old}, without asking why.",
    ]
    lines = ["## In short", "", *(f"{number}. {one}" for number, one in enumerate(said, start=1)), ""]
    total = _total_s(facts)
    return [*lines, f"If nothing goes wrong, this takes about {duration(total)}.", ""] if moves(facts) else lines


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _moved(facts: Facts, new: str) -> list[str]:
    """What happens to the traffic, in the words of the strategy."""
    steps = moves(facts)
    if not steps:
        return ["no phases are planned yet."]
    asked = [" (after a person's approval)" if one.approval else "" for one in steps]
    if facts.said("strategy") == "blue-green":
        idle = inline(facts.said("blue_green.idle", "the idle colour"))
        tested = inline(", ".join(tests(facts)))
        return [
            f"{new} is deployed to {idle}, which gets no traffic yet, and tested there: {tested}.",
            f"{idle} gets all of the traffic at once{asked[0]}, and is watched for {inline(steps[0].watch)}.",
        ]
    if facts.said("strategy") == "rolling":
        order = ", then ".join(inline(one.what) + asked[index] for index, one in enumerate(steps))
        return [f"{new} is deployed to {order}. After each, it is watched for {inline(steps[0].watch)}."]
    told = [f"{inline(one.what)} for {inline(one.watch)}{asked[index]}" for index, one in enumerate(steps)]
    return [f"{new} gets {', then '.join(told)}."]


def _lasts(facts: Facts) -> str:
    if facts.said("strategy") == "blue-green":
        return f"{inline(facts.said('blue_green.live', 'the old colour'))} is kept warm for"
    return "lighter monitoring goes on for"


def _total_s(facts: Facts) -> float:
    """The watches; what a deploy takes, nobody knows beforehand."""
    last = last_watch(facts)
    return sum(one.watch_s for one in moves(facts)) + (last[1] if last else 0.0)


def _commands(facts: Facts) -> list[str]:
    rows = [
        ("see what is still open before it may start", f"pilotage checklist {facts.file}"),
        ("tick what you have seen to", f"pilotage tick {facts.file} ITEM --by NAME"),
        ("start it; it goes on when the terminal closes", f"pilotage run {facts.file}"),
        ("look at it", "pilotage watch"),
        ("stop where it is, and think", "pilotage hold"),
        ("**send everybody back**", "pilotage rollback"),
        ("learn why it went back or holds", "pilotage explain"),
        ("say that users report trouble", 'pilotage report-trouble latest "what they say"'),
    ]
    return [
        "## What to type",
        "",
        *table(("to", "type"), [(Marked(what), code(command)) for what, command in rows]),
        "",
    ]
