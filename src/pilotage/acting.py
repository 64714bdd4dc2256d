"""What somebody may do, and under which name: every door (CLI by the API, page, chat, agent) acts through here.

Each of these checks the caller's right first, signs with the caller's name, and writes the audit log: what was done,
and what was tried and refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pilotage.coordinator import Coordinator
from pilotage.core.auditing import Entry
from pilotage.core.errors import Forbidden, NotFound, PilotageError, Refused
from pilotage.core.people import ANY, Caller, Place, Right
from pilotage.core.redact import redact
from pilotage.core.state import Command, fold
from pilotage.engine import Outcome
from pilotage.store import approvals as approval_table
from pilotage.store import audit, known, queries
from pilotage.store.approvals import Approval

NEEDS: dict[Command, Right] = {
    Command.APPROVE: Right.APPROVE,
    Command.PAUSE: Right.GO_BACK,
    Command.HOLD: Right.GO_BACK,
    Command.ROLLBACK: Right.GO_BACK,
    Command.RESUME: Right.GO_ON,
    Command.PROMOTE: Right.PROMOTE,
    Command.REPORT_TROUBLE: Right.REPORT,
    Command.ANNOUNCE: Right.OPERATE,
}
MOST_SAID = 300


@dataclass(frozen=True)
class Acting:
    """`caller` acting on `coordinator`."""

    coordinator: Coordinator
    caller: Caller

    # ------------------------------------------------------------------ who, and whether

    def named(self, by: str) -> Acting:
        """Without a login a caller is who they say they are; else nobody signs for another one."""
        if self.caller.kind != "local" or not by.strip():
            return self
        return replace(self, caller=replace(self.caller, name=by.strip()))

    @property
    def by(self) -> str:
        """The name in the record."""
        return self.caller.name

    async def rollout(self, name: str, right: Right = Right.VIEW) -> str:
        """The id of a rollout that the caller may see. One that they may not is not told from one that is not there."""
        found = await self.coordinator.telling.resolve(await self.resolved(name))
        row = await self.coordinator.store.run(queries.place_of, found)
        self._check(right, *row, f"there is no rollout {name!r}. `pilotage list` shows them.")
        return found

    async def resolved(self, name: str) -> str:
        """``latest`` becomes the id of the newest of those that the caller may see; a name stays as it is."""
        if name != "latest":
            return name
        return await self.coordinator.store.run(queries.latest_rollout, self.places)

    @property
    def places(self) -> tuple[Place, ...]:
        """What the caller may see: lists are read for these only."""
        return self.caller.places(Right.VIEW)

    async def plan(self, name: str, right: Right = Right.VIEW) -> known.KnownPlan:
        """As `rollout`, of a plan that is known."""
        found = await self.coordinator.store.run(known.get, name)
        where = (found.plan.service, found.plan.environment)
        self._check(right, *where, f"there is no plan {name!r}. `pilotage plans` shows those that are known.")
        return found

    def sees(self, service: str, environment: str) -> bool:
        return self.caller.may(Right.VIEW, service, environment)

    def _check(self, right: Right, service: str, environment: str, unseen: str) -> None:
        if not self.sees(service, environment):
            raise NotFound(unseen)
        self.caller.check(right, service, environment)

    @asynccontextmanager
    async def noted(self, what: str, object: str, detail: str = "") -> AsyncIterator[list[str]]:
        """Writes what is done inside to the audit log, with what came of it; the list takes a better name for `object`,
        known only afterwards."""
        names = [object]
        try:
            yield names
        except PilotageError as error:
            outcome = "denied" if isinstance(error, Forbidden) else "refused"
            await self.note(what, names[-1], f"{outcome}: {error}", detail)
            raise
        except Exception as error:
            await self.note(what, names[-1], f"failed: {type(error).__name__}", detail)
            raise
        await self.note(what, names[-1], "done", detail)

    async def note(self, what: str, object: str, outcome: str = "done", detail: str = "") -> None:
        said = [" ".join(redact(one).split())[:MOST_SAID] for one in (outcome, detail)]
        who = ((self.by or "nobody")[:128], self.caller.kind)
        entry = Entry(self.coordinator.clock.now(), *who, what[:64], object[:200], *said)
        await self.coordinator.store.run(audit.append, entry)

    # ------------------------------------------------------------------ rollouts

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
            rollout = await self.coordinator.start(plan_text, directory, file, self.by, reason, overrides)
            names.append(rollout)
        return rollout

    async def start_known(self, name: str, reason: str = "", overrides: Sequence[str] = ()) -> str:
        """A plan that is known already begins now."""
        async with self.noted("start", name, reason) as names:
            await self.plan(name, Right.OPERATE)
            if overrides:
                await self.plan(name, Right.OVERRIDE)
            rollout = await self.coordinator.start_known(name, self.by, reason, overrides)
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
                return await self._approve_phase(found, reason, digest, phase)
            return await self.coordinator.command(found, command, self.by, reason)

    async def announce(self, name: str, text: str, audience: str) -> dict[str, Any]:
        async with self.noted("announce", name, text) as names:
            names.append(await self.rollout(name, Right.OPERATE))
            return await self.coordinator.announce(names[-1], self.by, text, audience)

    # ------------------------------------------------------------------ approvals

    async def _approve_phase(self, rollout: str, reason: str, digest: str, phase: int | None) -> Outcome:
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
        name = await store.run(approval_table.ask, asked)
        await self._answer(name, digest or plan.digest, True, reason)
        outcome = await self.coordinator.command(rollout, Command.APPROVE, self.by, reason, waits)
        await store.run(approval_table.use, name, rollout, self.coordinator.clock.now())
        return outcome

    async def request_approval(self, plan: str, note: str = "") -> Approval:
        async with self.noted("request-approval", plan, note):
            await self.plan(plan, Right.OPERATE)
            return await self.coordinator.desk.approvals.request(plan, self.by, note)

    async def approve_plan(self, plan: str, digest: str, yes: bool = True, note: str = "") -> Approval:
        """Answers the newest open question for that plan's start. Raises Refused when nobody asked."""
        async with self.noted("approve-plan" if yes else "refuse-plan", plan, note):
            await self.plan(plan, Right.APPROVE)
            found = await self.coordinator.store.run(approval_table.of, plan)
            waits = next((one for one in found if one.given_at is None), None)
            if waits is None:
                raise Refused(f"nobody has asked for an approval of {plan}: `pilotage request-approval {plan}`")
            return await self._answer(waits.id, digest, yes, note)

    async def _answer(self, name: str, digest: str, yes: bool, note: str) -> Approval:
        """Without a login nobody can be told from another: one's own yes counts there. With one, whoever only has the
        state folder is nobody in particular, and approves nothing."""
        alone = self.caller.kind == "local" and not self.coordinator.settings.shared
        if self.caller.kind == "local" and not alone:
            raise Forbidden(
                "an approval is given with a login or a token of one's own, not by whoever is on this machine"
            )
        return await self.coordinator.desk.approvals.answer(name, digest, self.by, yes, note, alone)

    # ------------------------------------------------------------------ before a rollout

    async def read(self, text: str, directory: str, file: str) -> Any:
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
            names.append(await self.coordinator.desk.register(text, directory, file, self.by))
        return names[-1]

    async def tick(self, name: str, items: Sequence[str], note: str, undo: bool) -> dict[str, Any]:
        async with self.noted("untick" if undo else "tick", name, " ".join(items)):
            await self.plan(name, Right.OPERATE)
            return await self.coordinator.desk.tick(name, items, self.by, note, undo)

    async def rehearse(self, name: str) -> dict[str, Any]:
        async with self.noted("rehearse", name):
            await self.plan(name, Right.OPERATE)
            return await self.coordinator.desk.rehearse(name, self.by)

    async def schedule(self, name: str, overrides: Sequence[str], reason: str) -> dict[str, Any]:
        async with self.noted("schedule", name, reason):
            await self.plan(name, Right.OPERATE)
            if overrides:
                await self.plan(name, Right.OVERRIDE)
            return await self.coordinator.desk.schedule(name, self.by, overrides, reason)

    async def forget(self, name: str, reason: str) -> dict[str, Any]:
        async with self.noted("forget", name, reason):
            await self.plan(name, Right.OPERATE)
            return await self.coordinator.desk.forget(name, self.by, reason)

    # ------------------------------------------------------------------ freezes and locks

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

    # ------------------------------------------------------------------ afterwards

    async def settle(self, name: str, item: str, note: str) -> str:
        async with self.noted("follow-up-done", name, item) as names:
            names.append(await self.rollout(name, Right.OPERATE))
            return await self.coordinator.aftercare.settle(names[-1], item, self.by, note)
