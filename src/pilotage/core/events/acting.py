"""What is done to the world: deploys, weights, and steps that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Deployed:
    target: str
    version: str
    detail: str
    took_s: float
    key: str
    share: float | None = None
    """Of a rolling deployment: the percent of all servers that have the new version now."""
    kind: Literal["deployed"] = "deployed"


@dataclass(frozen=True)
class WeightSet:
    """`wanted` is what the step asked for, `in_force` what the splitter answered when read back, both percent."""

    target: str
    wanted: float
    in_force: float
    took_s: float
    key: str
    kind: Literal["weight_set"] = "weight_set"


@dataclass(frozen=True)
class WeightDrifted:
    """A splitter has another weight than the rollout has set; it is set again."""

    phase: int
    target: str
    reason: str
    kind: Literal["weight_drifted"] = "weight_drifted"


@dataclass(frozen=True)
class StepFailed:
    """A driver call did not succeed; `will` says what happens next."""

    target: str
    error: str
    will: str
    kind: Literal["step_failed"] = "step_failed"
