"""Who acts, whether they may, and what the audit log keeps of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Self

from pilotage import tracing
from pilotage.approvals import ON_THIS_MACHINE
from pilotage.coordinator import Coordinator
from pilotage.core.auditing import Entry
from pilotage.core.errors import Forbidden, NotFound, PilotageError
from pilotage.core.people import Caller, Place, Right
from pilotage.core.redact import redact
from pilotage.store import audit, known, queries

MOST_SAID = 300


@dataclass(frozen=True)
class Noting:
    """`caller` acting on `coordinator`."""

    coordinator: Coordinator
    caller: Caller

    def named(self, by: str) -> Self:
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

    @property
    def by_agent(self) -> bool:
        return self.caller.kind == "agent"

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
