"""The nouns of what comes before the first request moves, and after the last: checklist, start, contacts, ways back.

Durations are seconds, instants Unix seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

METHODS = ("traffic", "switch", "redeploy", "revert")
Method = Literal["traffic", "switch", "redeploy", "revert"]
"""A way back: all weights to 0 (flag or proxy), the other colour, the previous version again, the commit reverted."""

LEAST_BAD = ("hold", "flag-off", "fix-forward")
LeastBad = Literal["hold", "flag-off", "fix-forward"]
"""What to do when going back would bring the outage back."""

ROLES = ("on-call", "tester", "escalation", "owner", "incident-channel")

BUILT_IN = (
    *("drivers", "metrics", "logs", "rehearsed", "on-call", "escalation", "window", "lock", "freeze"),
    *("channels", "version", "approved"),
)
"""Checks that need nothing but the plan and Pilotage itself; every other name is a driver of the port `checks`."""


AFTER_CHECKS = ("fix-holds", "no-delayed-effects", "logs", "status-page")
"""What Pilotage itself looks at when a follow-up is due; every other name is a driver of the port `checks`."""

Ending = Literal["promoted", "rolled-back", "always"]
"""After which end of a rollout a follow-up is due."""
ENDINGS = ("promoted", "rolled-back", "always")


class Part(StrEnum):
    PREPARATION = "preparation"
    TECHNICAL = "technical"
    TEAM = "team"
    MONITORING = "monitoring"


@dataclass(frozen=True)
class Item:
    """One line of the checklist. Without `check` a person ticks it; `options` are the check driver's."""

    id: str
    part: Part
    text: str
    required: bool = True
    check: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StartRule:
    """When a rollout may start. Without a window: at any time.

    `within_s`: how soon after Pilotage first knew the plan; later is overdue, not refused. `opens_at`, `closes_at`: the
    window, closed at its end; `zone` is the IANA name in which it is shown.
    """

    within_s: float | None = None
    opens_at: float | None = None
    closes_at: float | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Contact:
    """`role` is one of ROLES; `reach` a handle, an address or a number."""

    role: str
    name: str = ""
    reach: str = ""


@dataclass(frozen=True)
class FollowUp:
    """Something to look at `after_s` seconds after the end; `who` is a role or a name.

    With `check` it is looked at by itself (`options` are the check driver's); with `ticket` a ticket is opened for it.
    """

    after_s: float
    text: str
    who: str = ""
    id: str = ""
    check: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    when: Ending = "always"
    ticket: bool = False


@dataclass(frozen=True)
class Preparation:
    """All that a plan says beside the traffic and the judge."""

    impact: str = ""
    """What the bug does to users, in one line."""
    start: StartRule = StartRule()
    checklist: tuple[Item, ...] = ()
    contacts: tuple[Contact, ...] = ()
    regions: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Ticket numbers and addresses the change belongs to."""
    follow_ups: tuple[FollowUp, ...] = ()
