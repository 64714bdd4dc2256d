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

from pilotage import tracing
from pilotage.approvals import ON_THIS_MACHINE
from pilotage.coordinator import Coordinator
from pilotage.core.auditing import Entry
from pilotage.core.errors import DriverError, Forbidden, NotFound, PilotageError, Refused
from pilotage.core.people import ANY, Caller, Place, Right
from pilotage.core.redact import redact
from pilotage.core.state import Command, fold
from pilotage.credentials import Credentials, Wanted
from pilotage.engine import Outcome
from pilotage.settings.hooks import Webhook
from pilotage.store import approvals as approval_table
from pilotage.store import audit, cursors, known, people, queries
from pilotage.store.approvals import Approval
from pilotage.store.people import Token
from pilotage.webhooks.endpoint import cursor_name
from pilotage.webhooks.sending import ping

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
        """Without a login a caller is who they say they are; else nobody signs for another one: whoever only has the
        state folder is somebody on this machine."""
        if self.caller.kind != "local" or not by.strip():
            return self
        name = f"{by.strip()[:100]}{ON_THIS_MACHINE}" if self.coordinator.settings.shared else by.strip()
        return replace(self, caller=replace(self.caller, name=name))

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
        tracing.note(right=right.name.lower(), service=service, environment=environment)
        self.caller.check(right, service, environment)

    @asynccontextmanager
    async def noted(self, what: str, object: str, detail: str = "") -> AsyncIterator[list[str]]:
        """Writes what is done inside to the audit log, with what came of it; the list takes a better name for `object`,
        known only afterwards."""
        names = [object]
        try:
            with tracing.span(f"act {what}") as span:
                span.note(action=what, caller=self.caller.kind)
                yield names
                if len(names) > 1:  # the first one may be whatever somebody typed
                    span.note(object=names[-1])
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

    # ------------------------------------------------------------------ tokens and sessions

    @property
    def _credentials(self) -> Credentials:
        return Credentials(self.coordinator.store, self.coordinator.clock.now, self.coordinator.settings)

    async def make_token(self, wanted: Wanted) -> tuple[Token, str]:
        """The token, and its secret, which is shown once."""
        detail = f"{wanted.kind}: {', '.join(wanted.scopes)}; {wanted.note}"
        async with self.noted("create-token", wanted.name or self.by, detail) as names:
            token, secret = await self._credentials.make(self.caller, wanted)
            names.append(f"{token.name} ({token.id})")
        return token, secret

    async def tokens(self) -> list[Token]:
        """Those that the caller may see, the newest first."""
        return await self._credentials.seen_by(self.caller)

    async def revoke_token(self, name: str) -> Token:
        async with self.noted("revoke-token", name) as names:
            token = await self._credentials.revoke(self.caller, name)
            names.append(f"{token.name} ({token.id})")
        return token

    async def sign_out(self, name: str = "") -> int:
        """Ends all sessions of that person, or one's own; how many there were."""
        async with self.noted("sign-out", name or self.by):
            return await self._credentials.sign_out(self.caller, name or self.by)

    # ------------------------------------------------------------------ webhooks

    async def test_webhook(self, name: str) -> dict[str, Any]:
        """Sends it one message. Raises Refused with what came of it when it was not taken."""
        async with self.noted("webhook-test", name):
            webhook = self._webhook(name)
            try:
                return await ping(webhook)
            except DriverError as error:
                raise Refused(f"not taken: {error}") from None

    async def replay_webhook(self, name: str, number: int) -> dict[str, Any]:
        """Tells it all again from that entry of the audit log on."""
        async with self.noted("webhook-replay", name, f"from entry {number}"):
            webhook = self._webhook(name)
            last, _ = await self.coordinator.store.run(audit.head)
            if not 1 <= number <= last:
                raise Refused(f"from an entry of the audit log, 1 to {last}, not {number}")
            now = self.coordinator.clock.now()
            await self.coordinator.store.run(cursors.put, cursor_name(name), number, now)
            told = await self.coordinator.store.run(cursors.waiting, number, webhook.kinds, webhook.services)
            return {"name": name, "next": number, "waiting": told}

    def _webhook(self, name: str) -> Webhook:
        self.caller.check(Right.ADMINISTER)
        named = [one.name for one in self.coordinator.settings.webhooks]
        if name not in named:
            raise NotFound(f"there is no webhook {name!r} in the settings; there are: {', '.join(named) or 'none'}")
        return self.coordinator.settings.webhooks[named.index(name)]

    # ------------------------------------------------------------------ afterwards

    async def settle(self, name: str, item: str, note: str) -> str:
        async with self.noted("follow-up-done", name, item) as names:
            names.append(await self.rollout(name, Right.OPERATE))
            return await self.coordinator.aftercare.settle(names[-1], item, self.by, note)
