"""What was done without the coordinator becomes part of its record, as soon as it is there again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from pilotage.coordinator import Coordinator
from pilotage.core.errors import NotFound
from pilotage.handover import journals
from pilotage.handover.journals import Journal
from pilotage.store import known, queries

log = structlog.get_logger()

EVERY_S = 1.0
NOTE_WITHIN_S = 20.0
"""The engine answers when a worker does: it may only be starting."""


class Merging:
    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._said: set[Path] = set()

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.warning("what was done directly could not be looked at", error=str(error))
            await self._coordinator.clock.sleep(EVERY_S)

    async def look(self) -> None:
        """Once over all journals that are no part of the record yet. One that fails is tried again at the next look."""
        for path, journal in await asyncio.to_thread(journals.to_merge, self._coordinator.state):
            try:
                rollout = await self._rollout_of(journal)
                if await self._merge(rollout, journal):
                    await asyncio.to_thread(journals.merged, path)
                    log.warning("a direct rollback is part of the record now", rollout=rollout, by=journal.by)
            except Exception as error:
                if path not in self._said:
                    self._said.add(path)
                    log.warning("a direct rollback cannot be recorded yet", journal=str(path), error=str(error))

    async def _rollout_of(self, journal: Journal) -> str:
        """Raises NotFound."""
        change = (journal.service, journal.environment, journal.version)
        rollout = journal.rollout or await self._coordinator.store.run(queries.newest_of_change, *change)
        if not rollout:
            raise NotFound(f"no rollout of {journal.service} {journal.version} in {journal.environment} is known here")
        return rollout

    async def _merge(self, rollout: str, journal: Journal) -> bool:
        event = journal.event()
        try:
            await asyncio.wait_for(self._coordinator.engine.note_direct(rollout, event, journal.by), NOTE_WITHIN_S)
            return True
        except NotFound:
            row = await self._coordinator.store.run(queries.get_rollout, rollout)
        if not row.ended:
            return False  # between two lives: `recover` starts it again, and its record is the engine's to write
        await self._coordinator.store.run(known.note_once, row.id, event, journal.by, self._coordinator.clock.now())
        return True


async def merge(coordinator: Coordinator) -> None:
    await Merging(coordinator).follow()
