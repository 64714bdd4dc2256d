"""What the workflow hands to its activities. Small on purpose: it stays in the engine's history."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.model import Step
from pilotage.core.state import Status


@dataclass(frozen=True)
class StepTask:
    """`call` rises with every new driver call of a rollout: a later one fences the earlier ones off.

    `forward` False: a step of the way back, which nothing refuses. `expected`: the percent that this rollout has set on
    the step's target before, None when it has not.
    """

    rollout: str
    step: Step
    call: int
    key: str
    forward: bool = True
    expected: float | None = None


@dataclass(frozen=True)
class WatchTask:
    """`counted` False: a person has paused or held, only a rollback verdict ends the watch.

    `held`: the record already says HELD; `asked`: a person has already been asked. `resigned`: going back would bring
    the outage back and the plan's least bad was chosen: only a rollback that would not do that ends the watch.
    `given_up`: a weight that gets lost was set again so often that a person was asked: it ends the watch no more.
    """

    rollout: str
    phase: int
    counted: bool
    held: bool
    asked: bool
    resigned: bool = False
    given_up: bool = False


@dataclass(frozen=True)
class AskTask:
    """A look at the stored samples, or at what gets the traffic back."""

    rollout: str
    phase: int = 0


@dataclass(frozen=True)
class FollowUpTask:
    """`item` is a follow-up's id; `status` how the rollout ended."""

    rollout: str
    item: str
    status: Status


@dataclass(frozen=True)
class Seen:
    """What was seen; `holds` None: nobody could tell. `sick`: it holds, and that is the outage of before."""

    holds: bool | None
    text: str
    sick: bool = False
