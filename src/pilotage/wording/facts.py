"""What a template may name: a few values of the plan, and those of the event it tells. All of it is plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pilotage.core.events import Announced, Recorded
from pilotage.core.markdown import plain
from pilotage.core.model import Audience, Phase, Plan
from pilotage.core.quantities import duration
from pilotage.core.redact import redact
from pilotage.core.sentences import sentence

LONGEST_VALUE = 1000
"""In characters."""
MOST_LINES = 50
"""Of a person's own words."""
_ELSEWHERE = ("kind", "verdict", "items", "phase", "name", "audience", "sick")
"""An event's fields that have no value of their own, or one of another name."""


def facts(plan: Plan, recorded: Recorded, audience: Audience) -> Mapping[str, Any]:
    """Durations and instants are written out (UTC); `times` is a number, `final` true or false."""
    event = recorded.event
    said = text(sentence(event))
    return {
        "service": text(plan.service),
        "environment": text(plan.environment),
        "version": text(plan.version),
        "previous": text(plan.previous),
        "severity": plan.severity.value,
        "strategy": plan.strategy.value,
        "summary": text(plan.summary),
        "impact": text(plan.preparation.impact),
        "rollout": text(recorded.rollout),
        "kind": event.kind,
        "audience": audience,
        "by": text(recorded.by),
        "at": instant(recorded.at),
        "sentence": said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else "."),
        **_own(plan, event),
    }


def _own(plan: Plan, event: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(event):
        name, value = field.name, getattr(event, field.name)
        if name == "phase":
            phase = plan.phases[value] if 0 <= value < len(plan.phases) else None
            found |= {"phase": text(phase.name) if phase else "", "weight": _weight(phase) if phase else ""}
        elif name == "text" and isinstance(event, Announced):
            found[name] = "\n".join(_short(plain(redact(line))) for line in value.splitlines()[:MOST_LINES])
        elif name == "at":
            found["back_at"] = instant(value)
        elif name.endswith("_at"):
            found[name] = instant(value)
        elif name.endswith("_s"):
            found[name.removesuffix("_s")] = duration(value)
        elif name not in _ELSEWHERE:
            found[name] = text(value) if isinstance(value, str) else value
    return found


def _weight(phase: Phase) -> str:
    """``10 %``; with a cohort, copies or splitters at different weights there is no one number: the phase's name."""
    return f"{phase.weight:g} %" if phase.share_known else text(phase.name)


def text(value: str) -> str:
    """Text from outside: no markup, no secrets, not too long, and without the full stop that a template writes."""
    said = plain(redact(value))
    return _short(said if said.endswith("..") else said.removesuffix("."))


def _short(said: str) -> str:
    return said if len(said) <= LONGEST_VALUE else said[: LONGEST_VALUE - 3] + "..."


def instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
