"""From a brief in plain words to the draft of a plan: what was said, what is missing, what is doubtful.

The libraries are imported where they are used: the command line reads the names of the facts at every start.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from pilotage.core.errors import WrongRequest

if TYPE_CHECKING:
    from pilotage.core.brief import Brief
    from pilotage.core.planning import PlanDraft
    from pilotage.core.proposals import Repository

Source = Literal["option", "answer"]
FACTS = {
    "service": "The service's name.",
    "severity": "P0, P1 or P2.",
    "environment": "Such as production.",
    "version": "The version to bring out.",
    "previous": "The version running now.",
    "traffic": "What the service usually gets, such as 5M/day or 58/s.",
    "strategy": "canary, blue-green or rolling.",
    "window": 'When it may start, such as "2026-11-25 22:00-02:00 Europe/Berlin".',
    "flag": "The feature flag's name.",
    "summary": "One line: what this changes.",
}
"""Facts that can be given as options: they count more than what the brief says."""


class WrongFact(WrongRequest):
    """A fact that is none; its text begins with the fact's name."""


def with_facts(brief: Brief, facts: Mapping[str, str], on_call: str | None) -> Brief:
    """Raises WrongFact."""
    from pilotage.core.brief.given import given as with_fact

    for name, text in facts.items():
        try:
            brief = with_fact(brief, name, text, "option")
        except ValueError as error:
            raise WrongFact(f"{name}: {error}") from None
    return brief if on_call is None else with_on_call(brief, on_call, "option")


def with_on_call(brief: Brief, text: str, source: Source) -> Brief:
    from pilotage.core.brief.facts import ContactFact, Value

    words = text.split()
    reach = " ".join(one for one in words if "@" in one or one.startswith(("+", "#", "http")))
    name = " ".join(one for one in words if one not in reach.split())
    others = tuple(one for one in brief.contacts if one.value.role != "on-call")
    return dataclasses.replace(brief, contacts=(Value(ContactFact("on-call", name, reach), source=source), *others))


def today() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%d")


def doubts(brief: Brief, day: str) -> tuple[str, ...]:
    """What stands in the way beside placeholders: each conflict and what looks wrong. Quoted log lines do not."""
    from pilotage.core.brief.doubts import past_dates

    late = past_dates(brief, day)
    looked_at = [f"suspicious: {one}" for one in (*brief.suspicious, *late) if one.kind != "quoted"]
    return (*(f"conflict: {one}" for one in brief.conflicts), *looked_at)


def as_data(brief: Brief, drafted: PlanDraft, seen: Repository | None, doubtful: tuple[str, ...]) -> dict[str, Any]:
    """For a program."""
    return {
        "ready": not (drafted.open or doubtful),
        "brief": plain(brief),
        "missing": list(drafted.open),
        "conflicts": [plain(one) for one in brief.conflicts],
        "suspicious": [plain(one) for one in brief.suspicious],
        "warnings": list(drafted.warnings),
        "repository": plain(seen),
        "plan": drafted.text,
    }


def plain(value: Any) -> Any:
    """Dataclasses and enumerations as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
