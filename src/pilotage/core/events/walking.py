"""The walk through the phases, and what people and the judge say on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilotage.core.model import Verdict


@dataclass(frozen=True)
class RolloutStarted:
    reason: str = ""
    kind: Literal["rollout_started"] = "rollout_started"


@dataclass(frozen=True)
class PhaseStarted:
    phase: int
    name: str
    weight: float
    kind: Literal["phase_started"] = "phase_started"


@dataclass(frozen=True)
class WatchStarted:
    phase: int
    watch_s: float
    kind: Literal["watch_started"] = "watch_started"


@dataclass(frozen=True)
class PhasePassed:
    phase: int
    name: str
    verdict: Verdict
    kind: Literal["phase_passed"] = "phase_passed"


@dataclass(frozen=True)
class Held:
    """The traffic stays where it is. `verdict` is None when a person asked for it."""

    phase: int
    reason: str
    verdict: Verdict | None = None
    kind: Literal["held"] = "held"


@dataclass(frozen=True)
class HoldCleared:
    phase: int
    reason: str
    kind: Literal["hold_cleared"] = "hold_cleared"


@dataclass(frozen=True)
class PersonNeeded:
    """Nothing goes on until a person decides; `reason` says what and with which command."""

    phase: int
    reason: str
    kind: Literal["person_needed"] = "person_needed"


@dataclass(frozen=True)
class Paused:
    phase: int
    reason: str
    kind: Literal["paused"] = "paused"


@dataclass(frozen=True)
class Resumed:
    phase: int
    reason: str
    kind: Literal["resumed"] = "resumed"


@dataclass(frozen=True)
class TroubleReported:
    """A user, or someone on their behalf, says that it is worse; `reason` is what they say."""

    phase: int
    reason: str
    kind: Literal["trouble_reported"] = "trouble_reported"


@dataclass(frozen=True)
class ApprovalRequested:
    phase: int
    name: str
    kind: Literal["approval_requested"] = "approval_requested"


@dataclass(frozen=True)
class Approved:
    phase: int
    reason: str
    kind: Literal["approved"] = "approved"


@dataclass(frozen=True)
class PromotionForced:
    """A person passed the phase before its watch was over."""

    phase: int
    reason: str
    kind: Literal["promotion_forced"] = "promotion_forced"


@dataclass(frozen=True)
class Announced:
    """A person's own words, for one audience."""

    text: str
    audience: str
    kind: Literal["announced"] = "announced"


@dataclass(frozen=True)
class Promoted:
    reason: str
    kind: Literal["promoted"] = "promoted"


@dataclass(frozen=True)
class Failed:
    """Pilotage itself could not go on. The traffic is where `detail` says."""

    detail: str
    kind: Literal["failed"] = "failed"
