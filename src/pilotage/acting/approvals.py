"""A second person's yes or no."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.acting.noting import Noting
from pilotage.core.errors import Forbidden, Refused
from pilotage.core.people import Right
from pilotage.core.state import Command, fold
from pilotage.engine import Outcome
from pilotage.store import approvals as table
from pilotage.store import people, queries
from pilotage.store.approvals import Approval


@dataclass(frozen=True)
class Approvals(Noting):
    async def approve_phase(self, rollout: str, reason: str, digest: str, phase: int | None) -> Outcome:
        """Raises Refused for one's own rollout, another plan's digest, and a phase that does not wait (any more)."""
        store = self.coordinator.store
        row = await store.run(queries.get_rollout, rollout)
        state = fold(await store.run(queries.events_of, rollout))
        waits = state.asked_phase
        if waits is None or phase not in (None, waits):
            return await self.coordinator.command(
                rollout, Command.APPROVE, self.by, reason, phase
            )  # says what is possible
        if (phase is None or not digest) and self.coordinator.settings.shared:
            raise Refused(
                "an approval names what it is for: the plan's digest and the phase, as `pilotage status --json` says"
            )
        plan = row.plan
        about = (rollout, plan.digest, waits, plan.service, plan.environment)
        asked = Approval("", *about, row.requested_by, self.coordinator.clock.now(), reason)
        name = await store.run(table.ask, asked)
        await self._answer(name, digest or plan.digest, True, reason)
        outcome = await self.coordinator.command(rollout, Command.APPROVE, self.by, reason, waits)
        await store.run(table.use, name, rollout, self.coordinator.clock.now())
        return outcome

    async def request_approval(self, plan: str, note: str = "") -> Approval:
        async with self.noted("request-approval", plan, note):
            await self.plan(plan, Right.OPERATE)
            return await self.coordinator.desk.approvals.request(plan, self.by, note)

    async def approve_plan(self, plan: str, digest: str, yes: bool = True, note: str = "") -> Approval:
        """Answers the newest open question for that plan's start. Raises Refused when nobody asked."""
        async with self.noted("approve-plan" if yes else "refuse-plan", plan, note):
            await self.plan(plan, Right.APPROVE)
            found = await self.coordinator.store.run(table.of, plan)
            waits = next((one for one in found if one.given_at is None), None)
            if waits is None:
                raise Refused(f"nobody has asked for an approval of {plan}: `pilotage request-approval {plan}`")
            return await self._answer(waits.id, digest, yes, note)

    async def why_no_answer(self, asked: Approval) -> str:
        """Why the caller may not say yes to this, in a sentence; empty when they may."""
        try:
            self.caller.check(Right.APPROVE, asked.service, asked.environment)
            by, second = (self.by, await self._behind()), not self._alone()
            await self.coordinator.desk.approvals.check(asked, asked.digest, by, second)
        except (Forbidden, Refused) as error:
            return str(error)
        return ""

    def _alone(self) -> bool:
        """Without a login nobody can be told from another: one's own yes counts there. With one, whoever only has the
        state folder is nobody in particular, and approves nothing: raises Forbidden."""
        if self.caller.kind == "local" and self.coordinator.settings.shared:
            raise Forbidden(
                "an approval is given with a login or a token of one's own, not by whoever is on this machine"
            )
        return self.caller.kind == "local"

    async def _answer(self, name: str, digest: str, yes: bool, note: str) -> Approval:
        alone, behind = self._alone(), await self._behind()
        return await self.coordinator.desk.approvals.answer(name, digest, self.by, yes, note, alone, behind)

    async def _behind(self) -> str:
        """Who made the machine that acts: its yes is theirs."""
        if self.caller.kind != "token":
            return ""
        return (await self.coordinator.store.run(people.get_token, self.caller.credential)).created_by
