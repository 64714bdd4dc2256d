"""The engine: one narrow port to whatever makes rollouts durable. Only this package imports Temporal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pilotage.core.events import ChecklistPassed, DirectRollback
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


@dataclass(frozen=True)
class Order:
    """A person's command, as it reaches the running rollout."""

    command: Command
    by: str
    reason: str = ""


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

    async def note_direct(self, rollout: str, event: DirectRollback, by: str) -> None:
        """What was done without the coordinator becomes part of the record, and the rollout goes back.

        The same one again changes nothing. Raises NotFound when the engine does not know the rollout (any more).
        """
        ...

    async def is_running(self, rollout: str) -> bool: ...

    async def close(self) -> None: ...
