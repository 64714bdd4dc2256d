"""What is done to a plan before it is a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.acting.noting import Noting
from pilotage.core.errors import Forbidden
from pilotage.core.model import Plan
from pilotage.core.people import Right
from pilotage.plansight import untrusted
from pilotage.store.known import KnownPlan


@dataclass(frozen=True)
class Plans(Noting):
    async def read(self, text: str, directory: str, file: str) -> Plan:
        """The plan in `text`; over the network in a folder that the settings allow. Raises PlanError, Forbidden."""
        self.may_read(directory)
        return await self.coordinator.read(text, directory, file)

    def may_read(self, directory: str) -> None:
        """A plan that lies there. Raises Forbidden, also for whoever may operate nothing: a plan names files of this
        machine, and its mistakes tell of them."""
        if not self.caller.may_somewhere(Right.OPERATE):
            self.caller.check(Right.OPERATE)
        folders = self.coordinator.settings.folders
        if self.caller.kind == "local" or not self.coordinator.settings.shared:
            return
        here = Path(directory)
        if here.is_absolute() and any(here.resolve().is_relative_to(one.resolve()) for one in folders):
            return
        allowed = ", ".join(map(str, folders)) or "none: the settings name no folders:"
        raise Forbidden(f"plans may not use the folder {directory}; those that they may use are {allowed}")

    async def register(self, text: str, directory: str, file: str) -> str:
        plan = await self.read(text, directory, file)
        async with self.noted("register", f"{plan.service} in {plan.environment}") as names:
            self.caller.check(Right.OPERATE, plan.service, plan.environment)
            names.append(await self.coordinator.desk.take(plan, text, file, self.by, stays=self.by_agent))
        return names[-1]

    async def tick(self, name: str, items: Sequence[str], note: str, undo: bool) -> dict[str, Any]:
        async with self.noted("untick" if undo else "tick", name, " ".join(items)):
            await self.plan(name, Right.VOUCH)
            return await self.coordinator.desk.tick(name, items, self.by, note, undo)

    async def rehearse(self, name: str) -> dict[str, Any]:
        async with self.noted("rehearse", name):
            await self.trusted(name)
            return await self.coordinator.desk.rehearse(name, self.by)

    async def trusted(self, name: str) -> KnownPlan:
        """One whose drivers the caller may ask. Raises Forbidden for an agent, and what an agent has written."""
        found = await self.plan(name, Right.OPERATE)
        if self.by_agent and not await self.coordinator.desk.approvals.trusted(found):
            raise Forbidden(untrusted(found))
        return found

    async def schedule(self, name: str, overrides: Sequence[str], reason: str) -> dict[str, Any]:
        async with self.noted("schedule", name, reason):
            await self.plan(name, Right.OPERATE)
            if self.by_agent:
                raise Forbidden(
                    f"{self.by} is an agent: it starts what a person has approved, and schedules nothing. Ask a person."
                )
            if overrides:
                await self.plan(name, Right.OVERRIDE)
            return await self.coordinator.desk.schedule(name, self.by, overrides, reason)

    async def forget(self, name: str, reason: str) -> dict[str, Any]:
        async with self.noted("forget", name, reason):
            await self.plan(name, Right.OPERATE)
            return await self.coordinator.desk.forget(name, self.by, reason)
