"""A second person's yes: asked for, given for this very plan and phase, and used once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pilotage.core.errors import Refused
from pilotage.core.model import Plan
from pilotage.core.preparing import Item, Part
from pilotage.settings.people import Approvals as Rules
from pilotage.store import Store, known, people, queries
from pilotage.store import approvals as table
from pilotage.store.approvals import START, Approval

ON_THIS_MACHINE = " (this machine)"
"""What a name ends with whose bearer has not logged in where others do."""
ITEM = Item("approved", Part.PREPARATION, "A second person has approved this very plan", check="approved")


@dataclass(frozen=True)
class Approvals:
    store: Store
    now: Callable[[], float]
    rules: Rules

    def asked_of(self, plan: Plan, by_agent: bool = False) -> Plan:
        """The plan with the item on its checklist, where the team's rules ask for one and the plan does not itself, and
        for whatever an agent starts."""
        named = any(one.check == "approved" for one in plan.preparation.checklist)
        if named or not (by_agent or self.rules.asks(plan.environment)):
            return plan
        return replace(plan, preparation=replace(plan.preparation, checklist=(*plan.preparation.checklist, ITEM)))

    async def trusted(self, plan: known.KnownPlan) -> bool:
        """Whether its drivers may be asked before a start: a person wrote it, or has approved it. What an agent wrote
        may name any command, and send a secret anywhere."""
        if not await self.store.run(people.makers_of_agents, {plan.registered_by}):
            return True
        found = await self.store.run(table.of, plan.id)
        given = (one for one in found if one.given_at is not None and not one.refused)
        return any(one.phase == START and one.digest == plan.plan.digest for one in given)

    async def request(self, plan_name: str, by: str, note: str = "") -> Approval:
        """Asks for the start of a known plan. Raises Refused for one that does not wait any more."""
        plan = await self.store.run(known.get, plan_name)
        if plan.closed:
            raise Refused(f"{plan_name} does not wait to be started any more: there is nothing to approve")
        about = (plan.id, plan.plan.digest, START, plan.plan.service, plan.plan.environment)
        name = await self.store.run(table.ask, Approval("", *about, by, self.now(), note))
        return await self.store.run(table.get, name)

    async def answer(
        self, name: str, digest: str, by: str, yes: bool, note: str = "", alone: bool = False, behind: str = ""
    ) -> Approval:
        """`alone`: nobody can be told from another, so one's own yes counts. `behind`: who made the machine that acts.

        Raises Refused for the requester's or the author's own yes, for another plan's digest, and a second answer.
        """
        asked = await self.store.run(table.get, name)
        await self.check(asked, digest, (by, behind), yes and not alone)
        at = self.now()
        told = (name, by, at, at + self.rules.valid, not yes, note or asked.note)
        await self.store.run(table.answer, *told)
        return await self.store.run(table.get, name)

    async def check(self, asked: Approval, digest: str, by: tuple[str, str], second: bool) -> None:
        """Raises Refused for another digest, and with `second` for who stands behind the question; `by` is who answers,
        and who made that machine."""
        if digest != asked.digest:
            raise Refused(
                f"this approval was asked for a plan with the digest {asked.digest}, not {digest}: "
                "the plan has changed. Look at it again, and ask for a new approval"
            )
        if not second:
            return
        authors = {asked.requested_by}
        if asked.phase == START:
            authors.add((await self.store.run(known.get, asked.subject)).registered_by)
        else:
            authors.add((await self.store.run(queries.get_rollout, asked.subject)).requested_by)
        authors |= await self.store.run(people.makers_of_agents, authors)
        same = {one.removesuffix(ON_THIS_MACHINE) for one in authors}
        if by[0] in same:
            raise Refused(f"{by[0]} asked for this, so somebody else has to approve it")
        if by[1] and by[1].removesuffix(ON_THIS_MACHINE) in same:
            raise Refused(f"{by[1]} asked for this and made the token {by[0]}, so somebody else has to approve it")

    async def usable(self, plan_name: str, digest: str) -> Approval | None:
        """The newest that lets this plan begin now."""
        found = await self.store.run(table.of, plan_name)
        good = (one for one in found if one.phase == START and one.digest == digest and one.holds(self.now()))
        return next(good, None)

    async def waiting(self) -> list[Approval]:
        return await self.store.run(table.waiting)
