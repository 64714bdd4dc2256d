"""Rollouts: they begin, are commanded, spoken of, and looked after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.acting.approvals import Approvals
from pilotage.acting.plans import Plans
from pilotage.core.people import Right
from pilotage.core.state import Command
from pilotage.engine import Outcome

NEEDS: dict[Command, Right] = {
    Command.APPROVE: Right.APPROVE,
    Command.PAUSE: Right.GO_BACK,
    Command.HOLD: Right.GO_BACK,
    Command.ROLLBACK: Right.GO_BACK,
    Command.RESUME: Right.GO_ON,
    Command.PROMOTE: Right.PROMOTE,
    Command.REPORT_TROUBLE: Right.REPORT,
    Command.ANNOUNCE: Right.SPEAK,
}


@dataclass(frozen=True)
class Rollouts(Plans, Approvals):
    async def start(
        self, plan_text: str, directory: str, file: str, reason: str = "", overrides: Sequence[str] = ()
    ) -> str:
        """Raises what Coordinator.start raises, and Forbidden."""
        plan = await self.read(plan_text, directory, file)
        where = (plan.service, plan.environment)
        async with self.noted("start", f"{plan.service} in {plan.environment}", reason) as names:
            self.caller.check(Right.OPERATE, *where)
            if overrides:
                self.caller.check(Right.OVERRIDE, *where)
            rollout = await self.coordinator.start(plan, plan_text, file, self.by, reason, overrides, self.by_agent)
            names.append(rollout)
        return rollout

    async def start_known(self, name: str, reason: str = "", overrides: Sequence[str] = ()) -> str:
        """A plan that is known already begins now."""
        async with self.noted("start", name, reason) as names:
            await self.plan(name, Right.OPERATE)
            if overrides:
                await self.plan(name, Right.OVERRIDE)
            rollout = await self.coordinator.start_known(name, self.by, reason, overrides, by_agent=self.by_agent)
            names.append(rollout)
        return rollout

    async def command(
        self,
        name: str,
        command: Command,
        reason: str = "",
        digest: str = "",
        phase: int | None = None,
    ) -> Outcome:
        """`digest` and `phase` are what an approval is given for."""
        async with self.noted(command.value, name, reason) as names:
            found = await self.rollout(name, NEEDS[command])
            names.append(found)
            if command is Command.APPROVE:
                return await self.approve_phase(found, reason, digest, phase)
            return await self.coordinator.command(found, command, self.by, reason)

    async def announce(self, name: str, text: str, audience: str) -> dict[str, Any]:
        async with self.noted("announce", name, text) as names:
            names.append(await self.rollout(name, Right.SPEAK))
            return await self.coordinator.announce(names[-1], self.by, text, audience)

    async def settle(self, name: str, item: str, note: str) -> str:
        async with self.noted("follow-up-done", name, item) as names:
            names.append(await self.rollout(name, Right.VOUCH))
            return await self.coordinator.aftercare.settle(names[-1], item, self.by, note)
