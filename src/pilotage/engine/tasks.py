"""What the workflow hands to its activities. Small on purpose: it stays in the engine's history."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.model import Step


@dataclass(frozen=True)
class StepTask:
    """`call` rises with every new driver call of a rollout: a later one fences the earlier ones off."""

    rollout: str
    step: Step
    call: int
    key: str


@dataclass(frozen=True)
class WatchTask:
    """`counted` False: a person has paused or held, only a rollback verdict ends the watch.

    `held`: the record already says HELD; `asked`: a person has already been asked.
    """

    rollout: str
    phase: int
    counted: bool
    held: bool
    asked: bool
