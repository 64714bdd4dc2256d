"""Keeps the time of plans that are not started yet: deadlines that pass, windows that open."""

from __future__ import annotations

import asyncio

import structlog

from pilotage.coordinator import Coordinator
from pilotage.core import events as ev
from pilotage.core.errors import ChecklistOpen, PilotageError
from pilotage.core.quantities import duration
from pilotage.engine.clock import Clock
from pilotage.following import look_again
from pilotage.store import known, queries
from pilotage.store.known import KnownPlan

log = structlog.get_logger()

EVERY_S = 5.0
AGAIN_S = 60.0


class Keeper:
    """All it knows is in the store, so a restart forgets nothing; only when it tried last is in memory."""

    def __init__(self, coordinator: Coordinator, clock: Clock) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._tried: dict[str, float] = {}

    async def follow(self) -> None:
        """Until cancelled."""
        await look_again("the plans that wait", self.look, EVERY_S, self._clock.sleep)

    async def look(self) -> None:
        """Once over all plans that wait, side by side: one whose drivers are slow does not make another late."""
        plans = await self._coordinator.store.run(known.open_plans)
        done = await asyncio.gather(*map(self._keep, plans), return_exceptions=True)
        for plan, failure in zip(plans, done, strict=True):
            if isinstance(failure, Exception):
                log.warning("a plan that waits could not be looked at", plan=plan.id, error=str(failure))

    async def _keep(self, plan: KnownPlan) -> None:
        await self._overdue(plan)
        if plan.scheduled_by:
            await self._start(plan)

    async def _overdue(self, plan: KnownPlan) -> None:
        """Said once for a change, by its newest plan."""
        now = self._clock.now()
        if plan.due_at is None or now <= plan.due_at or not plan.newest:
            return
        within = duration(plan.plan.preparation.start.within_s or 0.0)
        reason = f"{plan.plan.severity.value} was to start within {within}, and has not"
        await self._coordinator.store.run(known.say_overdue, plan, ev.StartOverdue(plan.due_at, reason), now)

    async def _start(self, plan: KnownPlan) -> None:
        """When the window is open; what refuses it is tried again each minute, until the window closes."""
        rule, now = plan.plan.preparation.start, self._clock.now()
        if rule.opens_at is None or rule.closes_at is None or now < rule.opens_at:
            return
        if now >= rule.closes_at:
            reason = "its window has passed, and it was not started"
            await self._coordinator.store.run(known.give_up, plan.id, reason, now)
            return
        if now - self._tried.get(plan.id, -AGAIN_S) < AGAIN_S:
            return
        self._tried[plan.id] = now
        try:
            about = (plan.scheduled_by, plan.override_reason, plan.overrides)
            await self._coordinator.start_known(plan.id, *about, scheduled=True)
        except known.CalledOff as error:
            log.info("not started", reason=str(error))
        except ChecklistOpen as error:
            await self._refused(plan, "; ".join(error.seen), error.items)
        except PilotageError as error:
            await self._refused(plan, str(error).rstrip("."), (type(error).__name__,))

    async def _refused(self, plan: KnownPlan, reason: str, items: tuple[str, ...]) -> None:
        """Said when something new stands in the way: the words of a check may change with every look."""
        record = await self._coordinator.store.run(queries.events_of, plan.id)
        last = max((one.number for one in record if isinstance(one.event, ev.StartScheduled)), default=0)
        said = {item for one in record[last:] if isinstance(one.event, ev.StartRefused) for item in one.event.items}
        if not said.issuperset(items):
            await self._note(plan, ev.StartRefused(reason, items=items))

    async def _note(self, plan: KnownPlan, event: ev.Event) -> None:
        await self._coordinator.store.run(known.note, plan.id, event, "pilotage", self._clock.now())


async def keep(coordinator: Coordinator) -> None:
    await Keeper(coordinator, coordinator.clock).follow()
