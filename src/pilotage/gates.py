"""Freezes, and locks that people take: closing and opening them again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pilotage.core.checklist import LEAST_REASON
from pilotage.core.errors import Refused
from pilotage.store import Store
from pilotage.store import gates as table
from pilotage.store.gates import Freeze, HeldLock


@dataclass(frozen=True)
class Gates:
    """Who closed what, why, until when. Nothing of it touches a rollout that runs."""

    store: Store
    now: Callable[[], float] = field(default=time.time)

    async def freezes(self, all_of_them: bool = False) -> list[Freeze]:
        """In force, or to come; or also those of the past."""
        if all_of_them:
            return await self.store.run(table.all_freezes)
        return await self.store.run(table.coming_freezes, self.now())

    async def freeze(
        self, service: str, environment: str, reason: str, by: str, begins: float | None, ends: float | None
    ) -> Freeze:
        """Raises Refused without a reason or a name, or when it would have ended already."""
        _checked(reason, by, "a freeze")
        now = self.now()
        made = Freeze("", service, environment, reason.strip(), by.strip(), now if begins is None else begins, ends)
        if ends is not None and ends <= max(now, made.begins):
            raise Refused("a freeze ends after it begins, and not in the past")
        return replace(made, id=await self.store.run(table.add_freeze, made, now))

    async def unfreeze(self, name: str, by: str, reason: str) -> None:
        _named(by)
        await self.store.run(table.lift_freeze, name, by.strip(), reason, self.now())

    async def locks(self, all_of_them: bool = False) -> list[HeldLock]:
        return await self.store.run(table.all_locks if all_of_them else table.held)

    async def lock(self, service: str, environment: str, reason: str, by: str) -> HeldLock:
        """Raises Refused naming the holder when somebody holds it. A rollout that runs already is not touched."""
        _checked(reason, by, "a lock")
        taken = HeldLock(service, environment, reason.strip(), by.strip(), self.now())
        await self.store.run(table.take_lock, taken)
        return taken

    async def unlock(self, service: str, environment: str, by: str, reason: str) -> None:
        _named(by)
        await self.store.run(table.release_lock, service, environment, by.strip(), reason, self.now())


def _checked(reason: str, by: str, what: str) -> None:
    _named(by)
    if len(reason.strip()) < LEAST_REASON:
        raise Refused(f"{what} needs a reason: --reason TEXT. It is shown to whoever is stopped by it.")


def _named(by: str) -> None:
    if not by.strip():
        raise Refused("this is recorded under a person's name: --by NAME")
