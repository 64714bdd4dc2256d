"""Freezes and locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pilotage.acting.noting import Noting
from pilotage.core.people import ANY, Right


@dataclass(frozen=True)
class Gates(Noting):
    async def freeze(
        self, service: str, environment: str, reason: str, begins: float | None, ends: float | None
    ) -> Any:
        async with self.noted("freeze", f"{service or ANY} in {environment or ANY}", reason):
            self.caller.check(Right.OPERATE, service or ANY, environment or ANY)
            return await self.coordinator.gates.freeze(service, environment, reason, self.by, begins, ends)

    async def unfreeze(self, name: str, reason: str) -> None:
        """Whoever could have made it may lift it, with an approver's right: something is let through again."""
        async with self.noted("unfreeze", name, reason):
            found = next((one for one in await self.coordinator.gates.freezes() if one.id == name), None)
            if found is not None:
                self.caller.check(Right.OVERRIDE, found.service or ANY, found.environment or ANY)
            await self.coordinator.gates.unfreeze(name, self.by, reason)

    async def lock(self, service: str, environment: str, reason: str) -> Any:
        async with self.noted("lock", f"{service} in {environment}", reason):
            self.caller.check(Right.OPERATE, service, environment)
            return await self.coordinator.gates.lock(service, environment, reason, self.by)

    async def unlock(self, service: str, environment: str, reason: str) -> None:
        async with self.noted("unlock", f"{service} in {environment}", reason):
            self.caller.check(Right.OVERRIDE, service, environment)
            await self.coordinator.gates.unlock(service, environment, self.by, reason)
