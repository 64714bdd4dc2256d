"""Keeps the time of plans that are not started yet: deadlines that pass, windows that open."""

from __future__ import annotations

import structlog

from pilotage.coordinator import Coordinator
from pilotage.core import events as ev
from pilotage.core.errors import PilotageError
from pilotage.core.quantities import duration
from pilotage.engine.clock import Clock
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
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("the plans that wait could not be looked at", error=str(error))
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Once over all plans that wait."""
        for plan in await self._coordinator.store.run(known.open_plans):
            await self._overdue(plan)
            if plan.scheduled_by:
                await self._start(plan)

    async def _overdue(self, plan: KnownPlan) -> None:
        """Said once for each plan."""
        now = self._clock.now()
        if plan.due_at is None or now <= plan.due_at:
            return
        record = await self._coordinator.store.run(queries.events_of, plan.id)
        if any(isinstance(one.event, ev.StartOverdue) for one in record):
            return
        within = duration(plan.plan.preparation.start.within_s or 0.0)
        reason = f"{plan.plan.severity.value} was to start within {within}, and has not"
        await self._note(plan, ev.StartOverdue(plan.due_at, reason))

    async def _start(self, plan: KnownPlan) -> None:
        """When the window is open; what refuses it is tried again each minute, and recorded when it changes."""
        rule, now = plan.plan.preparation.start, self._clock.now()
        if rule.opens_at is None or rule.closes_at is None or now < rule.opens_at:
            return
        if now >= rule.closes_at:
            await self._note(plan, ev.StartRefused("its window has passed, and it was not started", True))
            await self._coordinator.store.run(known.close, plan.id, "its window has passed", "", "pilotage", now)
            return
        if now - self._tried.get(plan.id, -AGAIN_S) < AGAIN_S:
            return
        self._tried[plan.id] = now
        try:
            await self._coordinator.start_known(plan.id, plan.scheduled_by, plan.override_reason, plan.overrides)
        except PilotageError as error:
            await self._refused(plan, str(error))

    async def _refused(self, plan: KnownPlan, reason: str) -> None:
        record = await self._coordinator.store.run(queries.events_of, plan.id)
        before = [one.event.reason for one in record if isinstance(one.event, ev.StartRefused)]
        if reason not in before[-1:]:
            await self._note(plan, ev.StartRefused(reason))

    async def _note(self, plan: KnownPlan, event: ev.Event) -> None:
        await self._coordinator.store.run(known.note, plan.id, event, "pilotage", self._clock.now())


async def keep(coordinator: Coordinator) -> None:
    await Keeper(coordinator, coordinator.clock).follow()
