"""What happens before a rollout: plans become known, are ticked off, rehearsed, scheduled, and let through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pilotage.approvals import Approvals
from pilotage.core import checklist
from pilotage.core import events as ev
from pilotage.core.checklist import ItemState, Mark
from pilotage.core.errors import PreflightFailed, Refused
from pilotage.core.model import Plan
from pilotage.core.sentences import sentence
from pilotage.planfile.starting import may_start
from pilotage.plansight import checked, facts, for_people, item, overdue, path_of, still_open, to_tick, untrusted
from pilotage.readiness import Surroundings, look, shown
from pilotage.rehearsal import rehearse
from pilotage.settings.people import Approvals as Rules
from pilotage.store import Store, gates, known, queries, versions
from pilotage.store.known import KnownPlan

Busy = dict[tuple[str, str], asyncio.Lock]
"""By service and environment: a rehearsal and a start never come between each other."""


@dataclass(frozen=True)
class Desk:
    store: Store
    state: Path
    now: Callable[[], float] = field(default=time.time)
    busy: Busy = field(default_factory=dict)
    rules: Rules = field(default_factory=Rules)

    @property
    def approvals(self) -> Approvals:
        return Approvals(self.store, self.now, self.rules)

    def alone(self, plan: Plan) -> asyncio.Lock:
        """Held while something is done to the splitters of this service outside of a rollout, or a rollout begins."""
        return self.busy.setdefault((plan.service, plan.environment), asyncio.Lock())

    async def take(self, plan: Plan, text: str, file: str, by: str, stays: bool = False) -> str:
        """The id under which the plan, which was read from `text`, is known from now on."""
        _with_name(by)
        return await self.store.run(known.register, plan, text, file, by, self.now(), stays=stays)

    async def view(self, name: str, look: bool = True) -> dict[str, Any]:
        """One plan with its checklist, looked up now; without `look` only what is recorded, and no driver is asked, nor
        for a plan that is not trusted."""
        plan = await self.store.run(known.get, name)
        around = await self._surroundings(plan)
        trusted = await self.approvals.trusted(plan)
        if look and trusted:
            states, _ = await self._looked_up(self.approvals.asked_of(plan.plan), around)
        else:
            mine = self.approvals.asked_of(plan.plan).preparation.checklist
            states = checklist.states(mine, around.record, {}, at=around.now)
        record = around.record
        return {
            **facts(plan, record, self.now()),
            "items": [item(one) for one in states],
            "open": sum(one.in_the_way for one in states),
            "freezes": [str(one) for one in around.freezes],
            "lock": around.active or (str(around.lock) if around.lock else ""),
            "notes": [*await self._notes(plan, states), *([] if trusted else [untrusted(plan)])],
            "timeline": [{"at": one.at, "by": one.by, "sentence": sentence(one.event)} for one in record],
        }

    async def _notes(self, plan: KnownPlan, states: Sequence[ItemState]) -> list[str]:
        """What a person should know of the other plans for the same change, and of what became of this one."""
        notes = []
        if plan.rollout:
            notes.append(f"started as {plan.rollout}: `pilotage status {plan.rollout}`")
        elif plan.closed:
            notes.append("not waited for any more; its record is kept")
        newer = await self.store.run(known.rewritten_as, plan)
        if newer:
            notes.append(f"this plan was changed after it became known: the newest one is {newer}")
        other, ticks = await self.store.run(known.ticked_before, plan)
        if ticks and any(not one.item.check and one.mark is Mark.OPEN for one in states):
            given = "1 tick was" if ticks == 1 else f"{ticks} ticks were"
            notes.append(
                f"{given} given for another version of this plan, {other}; the plan has changed since: "
                f"look at {'it' if ticks == 1 else 'them'} again"
            )
        return notes

    async def plans(self) -> list[dict[str, Any]]:
        """Those that wait, the newest first. Nothing is looked up for this."""
        waiting = await self.store.run(known.open_plans)
        return [facts(one, await self.store.run(queries.events_of, one.id), self.now()) for one in waiting]

    async def newest_folder(self) -> str:
        """Where the files of the newest plan are; empty when none is known."""
        return await self.store.run(known.newest_folder)

    async def tick(self, name: str, items: Sequence[str], by: str, note: str, undo: bool) -> dict[str, Any]:
        """All of the items, or none. Raises Refused for one that nobody ticks, or without a name."""
        _with_name(by)
        plan = await self.store.run(known.get, name)
        for one in items:
            checklist.check_tick(plan.plan.preparation.checklist, one)
        events = [ev.Unticked(one, note) if undo else ev.Ticked(one, note) for one in dict.fromkeys(items)]
        await self.store.run(known.note_all, name, events, by.strip(), self.now())
        record = await self.store.run(queries.events_of, name)
        return {"id": name, "items": list(items), "by": by.strip(), "left": to_tick(plan.plan, record)}

    async def rehearse(self, name: str, by: str) -> dict[str, Any]:
        """Practises the way back; the outcome is kept, good or bad.

        Raises Refused while a rollout runs or traffic is on the canary, PreflightFailed when it did not work.
        """
        _with_name(by)
        plan = await self.store.run(known.get, name)
        async with self.alone(plan.plan):
            await self.store.run(queries.check_lock, plan.plan)
            done = await rehearse(plan.plan, self.state)
        failed = shown(done.failed)
        await self.store.run(known.note, name, ev.Rehearsed(done.targets, shown(done.detail), failed), by, self.now())
        if failed:
            raise PreflightFailed((f"the rehearsal failed: {failed}",))
        return {"id": name, "targets": [{"target": target, "seconds": seconds} for target, seconds in done.targets]}

    async def schedule(self, name: str, by: str, overrides: Sequence[str], reason: str) -> dict[str, Any]:
        """Starts it when its window opens. Raises Refused without a window, or when it has passed."""
        _with_name(by)
        plan = await self.store.run(known.get, name)
        rule, now = plan.plan.preparation.start, self.now()
        if rule.opens_at is None or rule.closes_at is None:
            raise Refused("this plan has no window to wait for: without --at-window it starts now")
        if rule.closes_at <= now:
            raise Refused(f"it was to start {may_start(rule, now)[1]}")
        mine = self.approvals.asked_of(plan.plan).preparation.checklist
        asked = checklist.named(mine, overrides)
        checklist.check_overrides(mine, asked, reason)
        await self.store.run(known.schedule, name, rule.opens_at, by, asked, reason, now)
        record = await self.store.run(queries.events_of, name)
        return {"id": name, "starts": may_start(rule, now)[1], "to_tick": to_tick(plan.plan, record)}

    async def forget(self, name: str, by: str, reason: str) -> dict[str, Any]:
        """Raises Refused for one that does not wait."""
        _with_name(by)
        plan = await self.store.run(known.get, name)
        if plan.closed:
            became = f"it was started as {plan.rollout}" if plan.rollout else "it is forgotten already"
            raise Refused(f"{name} does not wait to be started: {became}")
        await self.store.run(known.close, name, f"forgotten: {reason}" if reason else "forgotten", "", by, self.now())
        return {"id": name}

    async def let_through(
        self, name: str, by: str, overrides: Sequence[str], reason: str, called: str = "", by_agent: bool = False
    ) -> ev.ChecklistPassed:
        """What is recorded when it may start; `called` is how the person names the plan, for the commands they get.
        For an agent a person has approved it.

        Raises PreflightFailed, ChecklistOpen or Refused when it may not start.
        """
        _with_name(by)
        plan = await self.store.run(known.get, name)
        asked_of = self.approvals.asked_of(plan.plan, by_agent)
        mine = asked_of.preparation.checklist
        asked = checklist.named(mine, overrides)
        checklist.check_overrides(mine, asked, reason)
        around, passed = await self._surroundings(plan), dict.fromkeys(asked, reason.strip())
        if by_agent and around.approval is None:
            raise still_open(for_people(mine, around.record, around.now), called or name, called or path_of(plan))
        states, problems = await self._looked_up(asked_of, around, passed, by)
        late = max(0.0, self.now() - plan.due_at) if plan.due_at is not None else 0.0
        stopped = [one for one in states if one.in_the_way]
        if problems and all(one.item.check in ("drivers", "metrics") for one in stopped):
            raise PreflightFailed(problems)
        if stopped:
            raise still_open(stopped, called or name, called or path_of(plan), overdue(late))
        return ev.ChecklistPassed(tuple(map(checked, states)), late)

    async def _looked_up(
        self, asked_of: Plan, around: Surroundings, overrides: dict[str, str] | None = None, by: str = ""
    ) -> tuple[tuple[ItemState, ...], tuple[str, ...]]:
        """Each item's state, and what the drivers say stands against a start."""
        seen, answers = await look(asked_of, self.state, around)
        asked = asked_of.preparation.checklist
        return checklist.states(asked, around.record, seen, overrides, by, around.now), answers.problems

    async def _surroundings(self, known_plan: KnownPlan) -> Surroundings:
        plan, now = known_plan.plan, self.now()
        active = ""
        try:
            await self.store.run(queries.check_lock, plan)
        except Refused as error:
            active = str(error)
        return Surroundings(
            now,
            await self.store.run(gates.freezes_of, plan.service, plan.environment, now),
            await self.store.run(gates.lock_of, plan.service, plan.environment),
            active,
            await self.store.run(queries.events_of, known_plan.id),
            await self.store.run(versions.bad, plan.service, plan.environment, plan.version),
            await self.approvals.usable(known_plan.id, plan.digest),
        )


def _with_name(by: str) -> None:
    if not by.strip():
        raise Refused("this is recorded under a person's name: --by NAME")
