"""A brief -> facts. Rules, no model: the same text gives the same facts.

What the text does not say stays None and is in `missing`; what it says twice differently is in `conflicts`, with the
safer reading taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from pilotage.core.brief import change, load, people, place, when
from pilotage.core.brief.clean import clean
from pilotage.core.brief.facts import Brief, Conflict, Impact, PhaseFact, Suspicion, Traffic, Value
from pilotage.core.brief.summary import summary, trouble
from pilotage.core.brief.text import Text
from pilotage.core.model import Severity, Strategy

T = TypeVar("T")


def parse(text: str) -> Brief:
    """Never raises, whatever the text; time is linear in its length."""
    read = Text.of(clean(text))
    conflicts: list[Conflict] = []
    doubts: list[Suspicion] = [*read.clean.suspicious, *_language(read)]
    what, span = summary(read)
    severities, odd = change.severities(read)
    doubts += odd
    severity = _safest(
        "severity", severities, conflicts, lambda one: max(one, key=lambda v: v.value), "the longer watch", str
    )
    impacts, odd = change.impacts(read)
    doubts += odd
    phases, odd = change.phase_lists(read)
    doubts += odd
    window, odd, dates = when.windows(read)
    doubts += odd
    if dates:
        conflicts.append(Conflict("window", dates, "none", "the date can be read in two ways"))
    traffic = _traffic(read, conflicts, doubts)
    version, previous = _versions(read, conflicts)
    found = Brief(
        text=read.clean.text,
        language=read.language,
        summary=what or trouble(read),
        services=place.services(read, what, span),
        severity=severity,
        impact=_safest("impact", impacts, conflicts, _most_harm, "the greater harm", _impact_text),
        environment=_safest("environment", place.environments(read), conflicts, _production, "guarded hardest", str),
        regions=place.regions(read),
        traffic=traffic,
        strategy=_safest("strategy", change.strategies(read), conflicts, _canary, "the smallest first step", str),
        phases=_safest("phases", phases, conflicts, _smallest_step, "the smaller first step", _phases_text),
        flag=next(iter(change.flags(read)), None),
        migration=next(iter(change.migrations(read)), None),
        stateful=change.stateful(read),
        major=change.major(read),
        known_bad=change.known_bad(read),
        window=window,
        standby_s=change.standby_s(read),
        version=version,
        previous=previous,
        tickets=people.tickets(read),
        contacts=people.contacts(read),
    )
    return _completed(found, tuple(conflicts), tuple(doubts))


def missing_in(brief: Brief) -> tuple[str, ...]:
    """What a plan needs and nobody said, in the order in which it is asked for."""
    needed: dict[str, object] = {
        "summary": brief.summary,
        "service": brief.services,
        "severity": brief.severity,
        "environment": brief.environment,
        "version": brief.version,
        "previous": brief.previous,
        "traffic": brief.traffic,
    }
    names = [name for name, value in needed.items() if not value]
    window = brief.window.value if brief.window else None
    if window is None:
        names += ["window"] if brief.severity is not None and brief.severity.value is Severity.P2 else []
    else:
        names += [] if window.date else ["window date"]
        names += [] if window.opens and window.closes else ["window time"]
        names += [] if window.zone else ["window zone"]
    if brief.migration is not None and brief.migration.value.reversible is None:
        names.append("migration reversible")
    return tuple(names)


def _completed(brief: Brief, conflicts: tuple[Conflict, ...], doubts: tuple[Suspicion, ...]) -> Brief:
    return replace(brief, conflicts=conflicts, suspicious=doubts, missing=missing_in(brief))


def _language(text: Text) -> list[Suspicion]:
    letters = sum(sign.isalpha() for sign in text.matched)
    if text.language or letters < 25:
        return []
    return [Suspicion("language", "neither English, German nor Spanish: only numbers and names were read")]


def _safest(
    name: str,
    found: Sequence[Value[T]],
    conflicts: list[Conflict],
    pick: Callable[[Sequence[Value[T]]], Value[T]],
    why: str,
    show: Callable[[T], str],
) -> Value[T] | None:
    """The one value; of several that differ the safer one, and the conflict is noted."""
    if not found:
        return None
    different = list(dict.fromkeys(show(one.value) for one in found))
    if len(different) == 1:
        return max(found, key=lambda one: one.confidence)
    taken = pick(found)
    conflicts.append(Conflict(name, tuple(different), show(taken.value), why))
    return taken


def _production(found: Sequence[Value[str]]) -> Value[str]:
    return next((one for one in found if one.value == "production"), found[0])


def _canary(found: Sequence[Value[Strategy]]) -> Value[Strategy]:
    return next((one for one in found if one.value is Strategy.CANARY), found[0])


def _most_harm(found: Sequence[Value[Impact]]) -> Value[Impact]:
    return max(found, key=lambda one: one.value.share or 0.0)


def _smallest_step(found: Sequence[Value[tuple[PhaseFact, ...]]]) -> Value[tuple[PhaseFact, ...]]:
    return min(found, key=lambda one: one.value[0].weight)


def _impact_text(impact: Impact) -> str:
    return f"{impact.share * 100:.3g} % of {impact.what}" if impact.share is not None else impact.what


def _phases_text(steps: tuple[PhaseFact, ...]) -> str:
    return ", ".join(f"{one.weight:g} %" + (f" for {one.watch_s:g} s" if one.watch_s else "") for one in steps)


def _traffic(text: Text, conflicts: list[Conflict], doubts: list[Suspicion]) -> Value[Traffic] | None:
    """What it usually gets; a peak only where nothing else is said. Of several the least: it promises the least."""
    found, ambiguous, odd = load.traffics(text)
    doubts += odd
    for readings in ambiguous:
        conflicts.append(Conflict("traffic", readings, readings[-1], "the least traffic promises the least"))
    usual = [one for one in found if not one.value.peak] or found
    return _safest(
        "traffic",
        usual,
        conflicts,
        lambda ones: min(ones, key=lambda one: one.value.per_s),
        "the least traffic promises the least",
        lambda one: f"{one.per_s:,.4g}/s",
    )


def _versions(text: Text, conflicts: list[Conflict]) -> tuple[Value[str] | None, Value[str] | None]:
    """Of versions that differ none is taken: a wrong one would bring the wrong thing out, or back."""
    taken: list[Value[str] | None] = []
    for name, found in zip(("version", "previous"), place.versions(text), strict=True):
        different = list(dict.fromkeys(one.value for one in found))
        if len(different) > 1:
            conflicts.append(
                Conflict(name, tuple(different[:5]), "none", "a wrong version would be brought out, or back")
            )
        taken.append(found[0] if len(different) == 1 else None)
    version, previous = taken
    if version is not None and previous is not None and version.value == previous.value:
        conflicts.append(Conflict("previous", (previous.value,), "none", "it is the version to bring out"))
        previous = None
    return version, previous
