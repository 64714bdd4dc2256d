"""Brief and repository -> a commented plan file. What nobody said becomes a placeholder that `check` refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pilotage.core import policy
from pilotage.core.brief import Brief, Value
from pilotage.core.brief.doubts import last_day
from pilotage.core.brief.facts import ContactFact, WindowFact
from pilotage.core.model import Severity, Strategy
from pilotage.core.planning import drivers, wayback
from pilotage.core.planning.bluegreen import blue_green
from pilotage.core.planning.checklist import checklist
from pilotage.core.planning.drivers import PLACEHOLDER, missing
from pilotage.core.planning.entries import Entry, Quoted, Row, one_line, plain, write
from pilotage.core.planning.phases import USUAL_ERRORS, after_s, phases
from pilotage.core.planning.rolling import rolling, servers
from pilotage.core.planning.strategy import choose
from pilotage.core.proposals import Repository
from pilotage.core.quantities import rate_text, written

KINDS_DRAFTED = 4
"""Kinds of evidence that roll back in a drafted plan: errors, the absolute limit, latency, the bug."""
_WANTED = {
    "service": "the service's name, such as payment",
    "environment": "the environment, such as production",
    "version": 'the version to bring out, such as "2.4.1"',
    "previous": "the version running now, to go back to",
    "severity": "P0, P1 or P2",
    "summary": "one line: what this changes",
}


_NAMES = {
    **dict.fromkeys(("service", "environment"), r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
    **dict.fromkeys(("version", "previous"), r"[A-Za-z0-9][A-Za-z0-9._+/@:-]{0,127}"),
}
"""What a plan file can hold as a name (planfile/compile.py)."""


@dataclass(frozen=True)
class PlanDraft:
    """`warnings` are for whoever asked for the plan: conflicts, doubts, assumptions, in this order."""

    entries: tuple[Entry, ...]
    warnings: tuple[str, ...]

    @property
    def text(self) -> str:
        """The plan file, the same byte for byte for the same brief and repository."""
        return write(self.entries)

    @property
    def data(self) -> dict[str, Any]:
        """What the loader reads in `text`."""
        return plain(self.entries)

    @property
    def open(self) -> tuple[str, ...]:
        """Where a placeholder stands, as dotted paths."""
        return tuple(path for path, value in _leaves(self.data, "") if is_placeholder(value))


def is_placeholder(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PLACEHOLDER)


def draft(brief: Brief, repository: Repository | None = None) -> PlanDraft:
    repository = repository or Repository()
    strategy, why, doubts = choose(brief)
    known_bad = brief.known_bad is None or brief.known_bad.value
    warnings = (*_warnings(brief), *doubts, *_assumptions(brief, repository))
    entries = [
        Entry(above=(*_head(brief), *(f"! {one}" for one in warnings))),
        *_facts(brief, repository, strategy, why, known_bad),
        *_start(brief),
        *_rhythm(brief),
        *_moving(brief, repository, strategy),
        *drivers.metrics(brief, repository, known_bad),
        *drivers.logs(repository),
        *_judging(_judged(brief, repository, strategy)),
        *_around(brief, repository, strategy),
    ]
    return PlanDraft(tuple(entries), tuple(one_line(one) for one in warnings))


def _head(brief: Brief) -> list[str]:
    said = one_line(brief.text)
    return [
        f"Brief: {said[:500]}{' ...' if len(said) > 500 else ''}" if said else "Brief: (empty)",
        f"Fill in every {PLACEHOLDER}; `pilotage check` names mistakes, `pilotage document` writes it for reading.",
    ]


def _warnings(brief: Brief) -> Iterator[str]:
    for conflict in brief.conflicts:
        yield f"CONFLICT {one_line(str(conflict))}"
    for doubt in brief.suspicious:
        yield f"LOOK AT {one_line(str(doubt))[:200]}"


def _assumptions(brief: Brief, repository: Repository) -> Iterator[str]:
    if brief.services and brief.services[0].confidence < 0.85:
        yield f"ASSUMED service {one_line(brief.services[0].value)}: read out of the sentence. Check it."
    for other in brief.services[1:]:
        yield f"NOT IN THIS PLAN: {one_line(other.value)}. A plan brings out one service; write one for it, too."
    if brief.known_bad is None:
        yield "ASSUMED known_bad true: a hot-fix replaces a sick version."
    if brief.severity is None:
        yield "ASSUMED the longest watch (P2), as no severity is said."
    if brief.version is None and repository.tag_here:
        yield f"ASSUMED version {one_line(repository.tag_here)}: the tag of the present commit. Check it."
    if brief.traffic is not None and brief.traffic.value.peak:
        yield "ASSUMED nothing for the usual traffic: the brief names the peak only. Add it under `expect`."
    if brief.traffic is not None:
        yield f"ASSUMED that {USUAL_ERRORS * 100:g} % of the requests usually fail: nothing was measured yet."
    if brief.traffic is None:
        yield "MISSING traffic: without requests per day nobody can say what a phase will be able to see."
    for note in repository.notes:
        yield f"REPOSITORY {one_line(note)}"


def _facts(brief: Brief, repository: Repository, strategy: Strategy, why: str, known_bad: bool) -> Iterator[Entry]:
    yield Entry("pilotage", 1, gap=True)
    yield _fact(brief, "service", brief.services[0] if brief.services else None)
    yield _fact(brief, "environment", brief.environment)
    version, previous = versions(brief, repository)
    yield _fact(brief, "version", version)
    yield _fact(brief, "previous", previous)
    yield _fact(brief, "severity", brief.severity)
    yield _fact(brief, "summary", brief.summary, limit=200)
    if brief.impact is not None:
        impact = brief.impact.value
        share = f"{impact.share * 100:.3g} % of " if impact.share is not None else ""
        yield Entry("impact", f"{share}{one_line(impact.what)}"[:200], _origin(brief, brief.impact))
    if brief.regions:
        yield Entry("regions", [one_line(one.value) for one in brief.regions])
    if brief.tickets:
        yield Entry("references", [one_line(one.value) for one in brief.tickets])
    yield Entry("strategy", strategy.value, why)
    note = "the running version is the sick one" if known_bad else "the running version is healthy"
    yield Entry("known_bad", known_bad, note)


def versions(brief: Brief, repository: Repository) -> tuple[Value[str] | None, Value[str] | None]:
    """As the brief says, else from tags: the present commit's is the new one, the newest other one the old one."""
    version, previous = brief.version, brief.previous
    if version is None and repository.tag_here:
        version = Value(repository.tag_here, confidence=0.8, source="repository")
    if previous is None:
        others = [tag for tag in repository.tags if version is None or tag != version.value]
        if others and version is not None:
            previous = Value(others[0], confidence=0.6, source="repository")
    if version is not None and previous is not None and version.value == previous.value:
        previous = None
    return version, previous


def _fact(brief: Brief, name: str, value: Value[Any] | None, limit: int = 200) -> Entry:
    said = one_line(str(value.value))[:limit].rstrip() if value is not None else ""
    if value is None or not said:
        return Entry(name, missing(_WANTED[name]))
    if name in _NAMES and not re.fullmatch(_NAMES[name], said, re.ASCII):
        return Entry(name, missing(f"{_WANTED[name]}; it was called {said[:60]}"))
    return Entry(name, Quoted(said) if name in ("version", "previous") else said, _origin(brief, value))


def _origin(brief: Brief, value: Value[Any]) -> str:
    if value.source == "repository":
        return "from the repository's tags; check it"
    if value.source == "model":
        return "from a model; check it"
    if value.source != "brief":
        return "as you said"
    quoted = one_line(brief.text[value.start : value.end])
    return f'brief: "{quoted[:60]}"' + ("; check it" if value.confidence < 0.8 else "")


def _start(brief: Brief) -> list[Entry]:
    """P0 now, P1 within the hour, P2 in its window; a window that is said counts whatever the severity."""
    severity = brief.severity.value if brief.severity else None
    if brief.window is None and severity is Severity.P0:
        return [
            Entry(above=("start: at once, as it is a P0. For a window: {from: ..., until: ..., zone: ...}",), gap=True)
        ]
    if brief.window is None and severity is Severity.P1:
        above = ("A P1 starts within the hour from when Pilotage first saw this plan; later is shown as overdue.",)
        return [Entry("start", {"within": "1h"}, above=above, gap=True)]
    if brief.window is None and severity is None:
        return []
    above = ("The window: `run` refuses to start outside it, `run --at-window` starts when it opens.",)
    return [Entry("start", _window(brief.window.value if brief.window else WindowFact()), above=above, gap=True)]


def _window(said: WindowFact) -> dict[str, str]:
    opens = f"{said.date} {said.opens}" if said.date and said.opens else missing(_with(said, said.opens))
    closes_date = last_day(said)
    closes = f"{closes_date} {said.closes}" if closes_date and said.closes else missing(_with(said, said.closes))
    zone = said.zone or missing("its time zone, such as Europe/Berlin or UTC")
    return {"from": opens, "until": closes, "zone": zone}


def _with(said: WindowFact, time: str) -> str:
    known = " ".join(one for one in (said.date, time) if one)
    return 'date and time, such as "2026-11-25 22:00"' + (f"; the brief says {known}" if known else "")


def _rhythm(brief: Brief) -> Iterator[Entry]:
    yield Entry("baseline", "30s", "both versions are recorded before any traffic moves", gap=True)
    yield Entry("tick", "10s", "how often the evidence is looked at")
    if brief.traffic is not None:
        expected = {"requests": rate_text(brief.traffic.value.per_s), "errors": f"{USUAL_ERRORS * 100:g}%"}
        if brief.traffic.value.peak:
            yield Entry(above=("What the service usually gets (the brief names the peak only):",))
            yield Entry(above=(f"expect: {{requests: {expected['requests']}, errors: {expected['errors']}}}",))
        else:
            yield Entry("expect", expected, "what `pilotage check` and `simulate` reckon with")


def _moving(brief: Brief, repository: Repository, strategy: Strategy) -> Iterator[Entry]:
    if strategy is Strategy.ROLLING:
        yield from rolling(brief, repository)
        yield from drivers.deploy(repository, strategy)
        return
    yield from blue_green(brief, repository) if strategy is Strategy.BLUE_GREEN else _canary(brief)
    yield from drivers.deploy(repository, strategy)
    yield from drivers.traffic(brief, repository)


def _judged(brief: Brief, repository: Repository, strategy: Strategy) -> int:
    """How many phases are judged, the last watch included."""
    if strategy is Strategy.ROLLING:
        return len(servers(brief, repository)[0]) + 1
    return len(phases(brief, strategy)) + 1


def _canary(brief: Brief) -> Iterator[Entry]:
    rows = [
        Row({"weight": f"{one.weight:.10g}%", "watch": written(one.watch_s)}, one.note)
        for one in phases(brief, Strategy.CANARY)
    ]
    yield Entry("phases", rows, gap=True)
    yield Entry("after", {"watch": written(after_s(brief)), "tick": "1m"}, "lighter monitoring at 100 %")


def _judging(judged: int) -> Iterator[Entry]:
    yield Entry(
        "success",
        {"errors": "0.5%", "p95": "10%", "min_requests": 50, "share_tolerance": 5},
        "a phase passes below these",
        gap=True,
    )
    yield Entry("rollback_when", {"errors": "2%", "p95": "2x"}, "above these it goes back, whatever control does")
    yield Entry("hold", {"deadline": "10m", "then": "rollback"}, "a doubt that does not clear; or then: ask")
    yield Entry(
        "judge",
        {"false_alarms": "1%", "pass_early": False},
        above=(policy.budget_sentence(KINDS_DRAFTED, judged, 0.01),),
    )
    yield Entry(
        above=(
            "What a finding leads to, where you want it otherwise (rollback, hold or ask; also by severity):",
            "verdicts:",
            "  latency-changed: {P0: hold, P2: ask}",
        )
    )


def _around(brief: Brief, repository: Repository, strategy: Strategy) -> Iterator[Entry]:
    least, why = wayback.least_bad(brief)
    ways = {**wayback.ways(strategy, repository), "least_bad": least}
    above = (
        "The ways back. The first is taken at once; when it fails, the next one beside it, whichever works first.",
        f"least_bad, when going back would bring the outage back: {why}.",
        'probe: {check: http, url: "https://..."} keeps it from sending everybody to an old version that is gone.',
    )
    yield Entry("rollback", tuple(Entry(key, one) for key, one in ways.items()), above=above, gap=True)
    yield Entry(
        "checklist",
        list(checklist(brief, repository, logs=False)),
        above=(
            "Nothing starts while a required item is open. Items with `check` are looked up, others are ticked:",
            "`pilotage tick`.",
        ),
        gap=True,
    )
    yield Entry("contacts", list(_contacts(brief)), gap=True)
    told = "What comes after: rows with `check` are looked at by Pilotage itself, of the others somebody is reminded."
    yield Entry("follow_ups", wayback.follow_ups(brief, strategy), above=(told,), gap=True)
    yield Entry(
        "notify",
        [{"driver": "console"}],
        gap=True,
        above=("Who is told, and how. A secret is a reference: {driver: webhook, url: {env: HOOK_URL}}",),
    )


def _contacts(brief: Brief) -> Iterator[dict[str, str]]:
    known = [one.value for one in brief.contacts]
    if not any(one.role == "on-call" for one in known):
        known.insert(0, ContactFact("on-call", missing("who is on call for this, and how to reach them")))
    for one in known:
        row = {"role": one.role, "name": one_line(one.name)[:200], "reach": one_line(one.reach)[:200]}
        yield {key: value for key, value in row.items() if value}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _leaves(one, f"{path}[{index}]")
    else:
        yield path, value
