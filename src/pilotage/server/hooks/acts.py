"""What a hook's messages do: the same that an operator of its service could, through the same door, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from pilotage.acting import Acting
from pilotage.coordinator import Coordinator
from pilotage.core import checklist
from pilotage.core import events as ev
from pilotage.core.checklist import ticks_of
from pilotage.core.errors import Forbidden, NotFound, Refused
from pilotage.core.people import ANY, Caller, Grant, Role, Scope
from pilotage.core.state import Command, RolloutState, Status, fold
from pilotage.server.hooks.alerts import Alert
from pilotage.server.hooks.built import Build
from pilotage.server.hooks.reading import NothingToDo
from pilotage.settings.hooks import Hook
from pilotage.store import heard, known, queries
from pilotage.store.known import KnownPlan

SCOPES = {
    "built": frozenset({Scope.READ, Scope.WRITE}),
    "firing": frozenset({Scope.READ, Scope.WRITE, Scope.ROLLBACK}),
    "reports": frozenset({Scope.READ, Scope.WRITE}),
}
COMMANDS = {"hold": Command.HOLD, "report": Command.REPORT_TROUBLE, "rollback": Command.ROLLBACK}
UNDERWAY = (Status.STARTING, Status.SHIFTING)
WAITS_S, LOOKS_S = 8.0, 0.25
"""A weight is being set: so long a message waits for the watch, in which a rollout can be held."""
LONGEST_REASON = 600
MOST_NAMED = 3


class NotYet(Exception):
    """It cannot be done at this moment; the sender is to come again."""


@dataclass(frozen=True)
class Did:
    """`object` is the rollout or the plan; `did` what was done to it."""

    service: str
    environment: str
    object: str
    did: str
    text: str


@dataclass
class Turns:
    """One message about one thing at a time: what came before it is known when the next one is looked at."""

    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    @asynccontextmanager
    async def turn(self, about: str) -> AsyncIterator[None]:
        lock = self._locks.get(about)
        if lock is None:
            lock = self._locks[about] = asyncio.Lock()
        async with lock:
            yield


@dataclass(frozen=True)
class Acts:
    """Of the hook `name`. Each method returns what was done, and raises NothingToDo, NotYet or Forbidden."""

    coordinator: Coordinator
    name: str
    hook: Hook
    turns: Turns

    @property
    def acting(self) -> Acting:
        grant = Grant(Role.OPERATOR, self.hook.service, self.hook.environment)
        return Acting(self.coordinator, Caller(f"hook:{self.name}", "hook", (grant,), SCOPES[self.hook.kind]))

    # ------------------------------------------------------------------ CI

    async def built(self, build: Build) -> list[Did]:
        self._may_speak_of(build.service)
        waiting = await self.coordinator.store.run(known.open_plans)
        mine = [one for one in waiting if self._is_meant(one, build)]
        if not mine:
            versions = ", ".join(build.names)
            raise NothingToDo(f"no plan waits for {build.service} {versions}; its author registers it first")
        done: list[Did] = []
        passed = []
        for plan in mine:
            async with self.turns.turn(plan.id):
                why = await self._tick(plan, build)
            where = (plan.plan.service, plan.plan.environment, plan.id)
            if why:
                passed.append(f"{plan.id}: {why}")
            else:
                done.append(Did(*where, "ticked" if build.ok else "unticked", f"{self.hook.item}: {build.note}"))
        if not done:
            raise NothingToDo("; ".join(passed))
        return done

    async def _tick(self, plan: KnownPlan, build: Build) -> str:
        """Why not; empty when it was done."""
        item = self.hook.item
        try:
            checklist.check_tick(plan.plan.preparation.checklist, item)
        except Refused as refusal:
            return str(refusal)
        record = await self.coordinator.store.run(queries.events_of, plan.id)
        if build.ok and item in ticks_of(record):
            return f"{item} is ticked already"
        if not build.ok and _last_of(item, record) == ev.Unticked(item, build.note):
            return f"{item} is known to have failed"
        await self.acting.tick(plan.id, [item], build.note, not build.ok)
        return ""

    def _is_meant(self, known_plan: KnownPlan, build: Build) -> bool:
        plan = known_plan.plan
        here = self.hook.environment in (ANY, plan.environment)
        return here and plan.service == build.service and build.is_of(plan.version)

    # ------------------------------------------------------------------ alerts and reports

    async def told(self, alerts: Sequence[Alert]) -> list[Did]:
        """Those of one service and environment act together, once."""
        groups: dict[tuple[str, str], list[Alert]] = {}
        for one in alerts:
            groups.setdefault((one.service, one.environment), []).append(one)
        done: list[Did] = []
        passed, refused = [], []
        for where, group in groups.items():
            try:
                self._may_speak_of(*where)
                done.append(await self._told_of(where, group))
            except NothingToDo as nothing:
                passed.append(nothing.why)
            except Forbidden as error:
                refused.append(str(error))
        if done:
            return done
        if refused and not passed:
            raise Forbidden("; ".join(refused))
        raise NothingToDo("; ".join([*passed, *refused]))

    async def _told_of(self, where: tuple[str, str], group: Sequence[Alert]) -> Did:
        store = self.coordinator.store
        rollout = await store.run(queries.running_of, *where)
        if not rollout:
            raise NothingToDo(f"no rollout of {where[0]} in {where[1]} runs")
        async with self.turns.turn(rollout):
            phase = (await self._state(rollout)).phase
            keys = {f"{rollout} {phase} {one.firing:d} {one.key}"[:160]: one for one in group}
            known_ones = await store.run(heard.those_of, self.name, keys)
            fresh = {key: one for key, one in keys.items() if key not in known_ones}
            firing = [one for one in fresh.values() if one.firing]
            if not fresh:
                raise NothingToDo(f"{rollout} was told so in this phase")
            text = _joined(firing or list(fresh.values()))
            if firing:
                did = Did(*where, rollout, await self._act(rollout, text), text)
            else:
                await self.acting.note("alert-resolved", rollout, detail=text)
                did = Did(*where, rollout, "noted", f"resolved: {text}")
            await store.run(heard.remember, self.name, fresh, self.coordinator.clock.now())
        return did

    async def _act(self, rollout: str, text: str) -> str:
        """What was done: a rollout that is held already, or waits for an approval, is told of the trouble instead."""
        wanted = Command.REPORT_TROUBLE if self.hook.kind == "reports" else COMMANDS[self.hook.then]
        for _ in range(round(WAITS_S / LOOKS_S)):
            status = (await self._state(rollout)).status
            if status is Status.ROLLING_BACK or status.ended:
                raise NothingToDo(f"{rollout} is {status} already")
            held = wanted is Command.HOLD and status in (Status.HELD, Status.AWAITING_APPROVAL)
            command = Command.REPORT_TROUBLE if held else wanted
            if _possible(command, status):
                try:
                    await self.acting.command(rollout, command, text)
                except (Refused, NotFound):  # it has gone on meanwhile, or is started again: looked at once more
                    pass
                else:
                    return "reported" if command is Command.REPORT_TROUBLE else command.value
            await self.coordinator.clock.sleep(LOOKS_S)
        raise NotYet(f"{rollout} is {status}: it cannot {wanted} now. Tell it again in a few seconds")

    async def _state(self, rollout: str) -> RolloutState:
        return fold(await self.coordinator.store.run(queries.events_of, rollout))

    def _may_speak_of(self, service: str, environment: str = ANY) -> None:
        """Raises Forbidden. `environment` *: none is named."""
        if self.hook.service not in (ANY, service):
            raise Forbidden(f"hook:{self.name} speaks of {self.hook.service} only, not of {service}")
        if environment != ANY and self.hook.environment not in (ANY, environment):
            raise Forbidden(f"hook:{self.name} speaks of {self.hook.environment} only, not of {environment}")


def _possible(command: Command, status: Status) -> bool:
    if command is Command.ROLLBACK:
        return True
    if command is Command.HOLD:
        return status not in UNDERWAY
    return status is not Status.STARTING


def _joined(alerts: Sequence[Alert]) -> str:
    named = "; ".join(one.text for one in alerts[:MOST_NAMED])
    more = f"; and {len(alerts) - MOST_NAMED} more" if len(alerts) > MOST_NAMED else ""
    room = LONGEST_REASON - len(more)
    return (named if len(named) <= room else f"{named[: room - 3]}...") + more


def _last_of(item: str, record: Iterable[ev.Recorded]) -> ev.Event | None:
    of_it = [one.event for one in record if isinstance(one.event, ev.Ticked | ev.Unticked) and one.event.item == item]
    return of_it[-1] if of_it else None
