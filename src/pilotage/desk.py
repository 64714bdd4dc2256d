"""What happens before a rollout: plans become known, are ticked off, rehearsed, scheduled, and let through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pilotage import planfile
from pilotage.core import checklist
from pilotage.core import events as ev
from pilotage.core.checklist import ItemState
from pilotage.core.errors import ChecklistOpen, PreflightFailed, Refused
from pilotage.core.model import Plan
from pilotage.core.quantities import duration
from pilotage.drivers import Call
from pilotage.engine.crew import Crew
from pilotage.planfile.starting import may_start
from pilotage.readiness import Surroundings, look
from pilotage.store import Store, gates, known, queries
from pilotage.store.gates import Freeze, HeldLock
from pilotage.store.known import KnownPlan

REHEARSE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Desk:
    store: Store
    state: Path
    now: Callable[[], float] = field(default=time.time)

    async def register(self, text: str, directory: str, file: str, by: str) -> str:
        """The id under which the plan is known from now on. Raises PlanError."""
        plan = await asyncio.to_thread(planfile.load, text, directory=Path(directory), file=file)
        return await self.store.run(known.register, plan, text, file, by, self.now())

    async def view(self, name: str) -> dict[str, Any]:
        """One plan with its checklist, looked up now."""
        plan = await self.store.run(known.get, name)
        states, _ = await self._states(plan, (), "", "")
        around = await self._surroundings(plan)
        _, starts = may_start(plan.plan.preparation.start, around.now)
        others = await self.store.run(known.siblings, plan)
        return {
            **self._facts(plan),
            "starts": starts,
            "items": [_item(one) for one in states],
            "open": sum(one.in_the_way for one in states),
            "freezes": [str(one) for one in around.freezes],
            "notes": [
                f"{count} item{'s' if count > 1 else ''} of {other} {'were' if count > 1 else 'was'} ticked; the plan "
                "has changed since: look at them again"
                for other, count in others[:1]
            ],
        }

    async def plans(self) -> list[dict[str, Any]]:
        return [self._facts(one) for one in await self.store.run(known.open_plans)]

    async def tick(self, name: str, items: Sequence[str], by: str, note: str, undo: bool) -> dict[str, Any]:
        """All of the items, or none. Raises Refused for one that nobody ticks."""
        if not by.strip():
            raise Refused("a tick needs the name of the person: --by NAME")
        plan = await self.store.run(known.get, name)
        for one in items:
            checklist.check_tick(plan.plan.preparation.checklist, one)
        for one in items:
            event = ev.Unticked(one, note) if undo else ev.Ticked(one, note)
            await self.store.run(known.note, name, event, by, self.now())
        ticked = checklist.ticks_of(await self.store.run(queries.events_of, name))
        people = [one for one in checklist.items_of(plan.plan.preparation.checklist) if not one.check and one.required]
        left = [one.id for one in people if one.id not in ticked]
        return {"id": name, "items": list(items), "left": left}

    async def rehearse(self, name: str, by: str) -> dict[str, Any]:
        """Sets what is in force (0 %) on every splitter and reads it back, timed. Raises PreflightFailed or Refused."""
        plan = await self.store.run(known.get, name)
        await self.store.run(queries.check_lock, plan.plan)
        crew = Crew(plan.plan, self.state)
        took: list[tuple[str, float]] = []
        try:
            for step in plan.plan.rollback:
                took.append((step.target, await self._rehearsed(crew, step.target, plan.plan)))
            for target in plan.plan.targets:
                if target.kind == "deploy":
                    await asyncio.wait_for(crew.deployer(target.name).probe(), REHEARSE_WITHIN_S)
        except Refused:
            raise
        except Exception as error:
            raise PreflightFailed((f"the rehearsal failed: {error or type(error).__name__}",)) from None
        finally:
            await crew.close()
        await self.store.run(known.note, name, ev.Rehearsed(tuple(took)), by, self.now())
        return {"id": name, "targets": [{"target": target, "seconds": seconds} for target, seconds in took]}

    async def _rehearsed(self, crew: Crew, target: str, plan: Plan) -> float:
        traffic = crew.traffic(target)
        weight = await asyncio.wait_for(traffic.read_weight(), REHEARSE_WITHIN_S)
        if weight != 0:
            raise Refused(
                f"{target} sends {weight:g} % to the canary now: a rehearsal never moves traffic. Set it to 0."
            )
        began = time.monotonic()
        key = f"rehearsal/{plan.service}/{target}/{time.time_ns()}"
        call = Call(key, plan.version, plan.previous, REHEARSE_WITHIN_S)
        in_force = await asyncio.wait_for(traffic.set_weight(0.0, call), REHEARSE_WITHIN_S)
        if in_force != 0:
            raise Refused(f"{target}: asked for 0 %, but {in_force:g} % is in force")
        return time.monotonic() - began

    async def schedule(self, name: str, by: str, overrides: Sequence[str], reason: str) -> dict[str, Any]:
        """Starts it when its window opens. Raises Refused without a window, or when it has passed."""
        plan = await self.store.run(known.get, name)
        rule = plan.plan.preparation.start
        if rule.opens_at is None or rule.closes_at is None:
            raise Refused("this plan has no window to wait for. `pilotage run` starts it now")
        if rule.closes_at <= self.now():
            raise Refused(f"it would start {may_start(rule, self.now())[1]}")
        checklist.check_overrides(plan.plan.preparation.checklist, overrides, reason)
        await self.store.run(known.schedule, name, by, overrides, reason)
        await self.store.run(known.note, name, ev.StartScheduled(rule.opens_at, reason), by, self.now())
        return {"id": name, "starts": may_start(rule, self.now())[1]}

    async def forget(self, name: str, by: str, reason: str) -> dict[str, Any]:
        await self.store.run(known.get, name)
        await self.store.run(known.close, name, reason or "forgotten", "", by, self.now())
        return {"id": name}

    async def freezes(self) -> list[Freeze]:
        """In force, or to come."""
        return await self.store.run(gates.coming_freezes, self.now())

    async def freeze(
        self, service: str, environment: str, reason: str, by: str, begins: float | None, ends: float | None
    ) -> Freeze:
        _with_reason(reason, "a freeze")
        now = self.now()
        made = Freeze("", service, environment, reason.strip(), by, now if begins is None else begins, ends)
        if ends is not None and ends <= max(now, made.begins):
            raise Refused("a freeze ends after it begins, and not in the past")
        return replace(made, id=await self.store.run(gates.add_freeze, made, now))

    async def unfreeze(self, name: str, by: str, reason: str) -> None:
        await self.store.run(gates.lift_freeze, name, by, reason, self.now())

    async def locks(self) -> list[HeldLock]:
        return await self.store.run(gates.held)

    async def lock(self, service: str, environment: str, reason: str, by: str) -> HeldLock:
        """Raises Refused naming the holder when somebody holds it. A rollout that runs already is not touched."""
        _with_reason(reason, "a lock")
        taken = HeldLock(service, environment, reason.strip(), by, self.now())
        await self.store.run(gates.take_lock, taken)
        return taken

    async def unlock(self, service: str, environment: str, by: str, reason: str) -> None:
        await self.store.run(gates.release_lock, service, environment, by, reason, self.now())

    async def let_through(self, name: str, by: str, overrides: Sequence[str], reason: str) -> ev.ChecklistPassed:
        """What is recorded when it may start. Raises PreflightFailed, ChecklistOpen or Refused when it may not."""
        plan = await self.store.run(known.get, name)
        checklist.check_overrides(plan.plan.preparation.checklist, overrides, reason)
        states, problems = await self._states(plan, overrides, reason, by)
        if problems:
            raise PreflightFailed(problems)
        stopped = [one for one in states if one.in_the_way]
        if stopped:
            raise ChecklistOpen(tuple(_told(one, plan.file or name) for one in stopped))
        late = max(0.0, self.now() - plan.due_at) if plan.due_at is not None else 0.0
        checked = tuple(
            ev.Checked(
                one.item.id,
                one.item.part.value,
                one.item.text,
                one.mark.value,
                one.item.required,
                one.by,
                one.at,
                one.text,
            )
            for one in states
        )
        return ev.ChecklistPassed(checked, late)

    async def _states(
        self, plan: KnownPlan, overrides: Sequence[str], reason: str, by: str
    ) -> tuple[tuple[ItemState, ...], tuple[str, ...]]:
        around = await self._surroundings(plan)
        seen, answers = await look(plan.plan, self.state, around)
        given = dict.fromkeys(overrides, reason)
        asked = plan.plan.preparation.checklist
        return checklist.states(asked, around.record, seen, given, by, around.now), answers.problems

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
        )

    def _facts(self, plan: KnownPlan) -> dict[str, Any]:
        overdue = self.now() - plan.due_at if plan.due_at is not None else 0.0
        return {
            "id": plan.id,
            "service": plan.plan.service,
            "environment": plan.plan.environment,
            "version": plan.plan.version,
            "previous": plan.plan.previous,
            "severity": plan.plan.severity.value,
            "digest": plan.plan.digest,
            "file": plan.file,
            "by": plan.registered_by,
            "first_known": plan.first_known,
            "due_at": plan.due_at,
            "overdue_s": max(0.0, overdue),
            "overdue": f"overdue by {duration(overdue)}" if overdue >= 1 and not plan.closed else "",
            "scheduled_by": plan.scheduled_by,
            "starts": may_start(plan.plan.preparation.start, self.now())[1],
            "closed": plan.closed,
        }


def _with_reason(reason: str, what: str) -> None:
    if len(reason.strip()) < 3:
        raise Refused(f"{what} needs a reason: --reason TEXT. It is shown to whoever is stopped by it.")


def _item(state: ItemState) -> dict[str, Any]:
    return {
        "id": state.item.id,
        "part": state.item.part.value,
        "text": state.item.text,
        "required": state.item.required,
        "check": state.item.check,
        "mark": state.mark.value,
        "by": state.by,
        "at": state.at or None,
        "evidence": state.text,
    }


def _told(state: ItemState, plan: str) -> str:
    way = checklist.how(state.item.id, state.item.check, plan)
    return f"{state.item.id}: {state.text or state.item.text}. {way}".rstrip()
