"""From a brief and facts that are given beside it to a draft, with what is open and what to look at in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from pilotage.core.brief import Brief, parse
from pilotage.core.brief.doubts import past_dates
from pilotage.core.brief.facts import ContactFact, Source, Value
from pilotage.core.brief.given import given as with_fact
from pilotage.core.planning import PlanDraft, draft
from pilotage.core.proposals import Repository


class NotThatFact(ValueError):
    """A fact that was given is none; `name` says which."""

    def __init__(self, name: str, expected: str) -> None:
        self.name = name
        super().__init__(expected)


@dataclass(frozen=True)
class Drafted:
    """`doubts`: what stands in the way beside placeholders, a sentence each."""

    brief: Brief
    draft: PlanDraft
    doubts: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not (self.draft.open or self.doubts)


def drafted(
    text: str, facts: Mapping[str, str | None], on_call: str | None = None, repository: Repository | None = None
) -> Drafted:
    """Raises NotThatFact."""
    brief = with_facts(parse(text), facts, on_call, "option")
    return Drafted(brief, draft(brief, repository), doubts(brief))


def with_facts(brief: Brief, facts: Mapping[str, str | None], on_call: str | None, source: Source) -> Brief:
    """Those that are None are left as the brief has them. Raises NotThatFact."""
    for name, text in facts.items():
        if text is not None:
            try:
                brief = with_fact(brief, name, text, source)
            except ValueError as error:
                raise NotThatFact(name, str(error)) from None
    return brief if on_call is None else with_on_call(brief, on_call, source)


def with_on_call(brief: Brief, text: str, source: Source) -> Brief:
    """Such as ``Ann Example @ann``."""
    words = text.split()
    reach = " ".join(one for one in words if "@" in one or one.startswith(("+", "#", "http")))
    name = " ".join(one for one in words if one not in reach.split())
    others = tuple(one for one in brief.contacts if one.value.role != "on-call")
    return dataclasses.replace(brief, contacts=(Value(ContactFact("on-call", name, reach), source=source), *others))


def doubts(brief: Brief) -> tuple[str, ...]:
    """Each conflict, and what looks wrong. Quoted log lines do not."""
    late = past_dates(brief, datetime.now(UTC).strftime("%Y-%m-%d"))
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
