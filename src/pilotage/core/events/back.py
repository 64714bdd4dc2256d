"""The way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pilotage.core.model import Verdict


@dataclass(frozen=True)
class RollbackStarted:
    phase: int
    reason: str
    verdict: Verdict | None = None
    kind: Literal["rollback_started"] = "rollback_started"


@dataclass(frozen=True)
class RolledBack:
    """`method` is the way back that succeeded."""

    reason: str
    took_s: float
    method: str = "traffic"
    kind: Literal["rolled_back"] = "rolled_back"


@dataclass(frozen=True)
class LeastBadChosen:
    """Not rolled back by itself, as that would bring the outage back; `policy` is what the plan says is least bad."""

    phase: int
    policy: str
    reason: str
    verdict: Verdict | None = None
    kind: Literal["least_bad_chosen"] = "least_bad_chosen"


@dataclass(frozen=True)
class DirectRollback:
    """Sent back without the coordinator: begun at `at`, and back after `took_s` seconds, when `method` is not empty.

    Noted here when the coordinator was there again.
    """

    reason: str
    at: float
    method: str
    detail: str
    took_s: float = 0.0
    kind: Literal["direct_rollback"] = "direct_rollback"
