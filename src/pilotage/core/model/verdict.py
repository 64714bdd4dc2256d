"""What the judge answers: findings, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a verdict asks for. WATCH means: nothing against it, keep watching."""

    WATCH = "WATCH"
    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    ROLLBACK = "ROLLBACK"


@dataclass(frozen=True)
class Finding:
    """What one criterion shows, and why.

    `action` is what this finding alone asks for; WATCH = not yet known, PROMOTE = met. `shows` names what was found
    when that is an alarm: a row of the verdict table (policy.py).
    `sentence` has value, interval, n and threshold. `canary`/`control` are in the metric's own unit
    (rates as fractions, latencies in seconds, share in percent) or None. `evidence` and `threshold` are log e-values.
    """

    metric: str
    action: Action
    sentence: str
    canary: float | None = None
    control: float | None = None
    low: float | None = None
    high: float | None = None
    n: float = 0.0
    evidence: float | None = None
    threshold: float | None = None
    shows: str = ""
    unit: str = ""
    """Of a guard's values (words.amount)."""


@dataclass(frozen=True)
class Drifted:
    """A splitter that has another weight than the rollout has set, and what is known of why."""

    target: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What to do, the finding's sentence that decided it, and everything that was found at that tick."""

    action: Action
    reason: str
    findings: tuple[Finding, ...] = ()
    progress: float = 0.0
    """Share of the phase's watch that is done, 0-1."""
    overdue: bool = False
    """A person is to be asked: the HOLD has outlived its deadline, or the finding says ask."""
    outage: str = ""
    """Of a ROLLBACK: why going back would bring the outage back; empty when it would not."""
    drifted: tuple[Drifted, ...] = ()
    """Splitters that have another weight than the rollout has set. Of a WATCH: it is to be set again now."""
