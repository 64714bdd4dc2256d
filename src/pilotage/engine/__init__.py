"""The engine: one narrow port to whatever makes rollouts durable. Only this package imports Temporal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pilotage.core.events import ChecklistPassed, DirectRollback, PlannedFollowUp
from pilotage.core.model import Plan
from pilotage.core.state import Command, Status


@dataclass(frozen=True)
class Start:
    """`first_phase` and `next_number` are not 0 when a rollout is started again after the engine lost its file."""

    rollout: str
    plan: Plan
    by: str
    reason: str = ""
    first_phase: int = 0
    next_number: int = 0
    checklist: ChecklistPassed | None = None
    """As it stood when the rollout was allowed to begin."""
    turning_back: str = ""
    """Why it was on its way back when the engine lost its file."""


@dataclass(frozen=True)
class OpenItem:
    """A follow-up that is not settled; looked at again at `next_at` (Unix seconds), `times` counts the looks so far."""

    planned: PlannedFollowUp
    next_at: float
    times: int = 0
    failed: bool = False


@dataclass(frozen=True)
class Aftermath:
    """What is left to do when a rollout has ended; `items` is None until the follow-ups are planned."""

    rollout: str
    plan: Plan
    status: Status
    ended_at: float
    next_number: int = 0
    items: tuple[OpenItem, ...] | None = None


@dataclass(frozen=True)
class Settled:
    """A person's word on a follow-up."""

    item: str
    by: str
    note: str = ""


@dataclass(frozen=True)
class Announcement:
    """A person's own words, for one audience or, when it is empty, for all."""

    text: str
    audience: str
    by: str


@dataclass(frozen=True)
class Noted:
    """A direct rollback, which is recorded once the coordinator is there again."""

    event: DirectRollback
    by: str


def aftermath_id(rollout: str) -> str:
    return f"{rollout}/aftermath"


@dataclass(frozen=True)
class Order:
    """A person's command, as it reaches the running rollout."""

    command: Command
    by: str
    reason: str = ""
    phase: int | None = None
    """Of an approval: the phase that was approved."""


@dataclass(frozen=True)
class Outcome:
    """What a command has come to, after its post-condition was checked."""

    status: Status
    done: bool
    message: str


class Engine(Protocol):
    async def start(self, start: Start) -> None:
        """Begins the rollout; starting the same one again changes nothing."""
        ...

    async def command(self, rollout: str, order: Order) -> Outcome:
        """Raises Refused when the rollout's state does not accept it, NotFound when the engine does not know it."""
        ...

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> None:
        """A person's own words go into the record, and from there to the channels. `audience` empty: to everybody.

        Raises NotFound when nothing follows the rollout any more: it has ended and no follow-up is open.
        """
        ...

    async def note_direct(self, rollout: str, event: DirectRollback, by: str) -> None:
        """Records a direct rollback, and turns back what still goes on. Raises NotFound when nothing runs."""
        ...

    async def is_running(self, rollout: str) -> bool: ...

    async def follow_up(self, aftermath: Aftermath) -> None:
        """Begins what comes after a rollout; beginning it again changes nothing."""
        ...

    async def settle(self, rollout: str, settled: Settled) -> str:
        """Notes a follow-up as done; a sentence. Raises Refused for one that is not open, NotFound when none is."""
        ...

    async def answers(self) -> bool:
        """Whether it can be reached now."""
        ...

    async def has_worker(self) -> bool:
        """Whether somebody does its work."""
        ...

    async def close(self) -> None: ...
