"""What was done without the coordinator becomes part of its record, as soon as it is there again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import structlog

from pilotage.codec import from_json
from pilotage.coordinator import Coordinator
from pilotage.core.errors import NotFound, Refused
from pilotage.following import look_again
from pilotage.handover import journals
from pilotage.handover.files import is_name
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
        await look_again("what was done directly", self.look, EVERY_S, self._coordinator.clock.sleep)

    async def look(self) -> None:
        """Once over all journals that are no part of the record yet. One that fails is tried again at the next look."""
        for path, journal in await asyncio.to_thread(journals.to_merge, self._coordinator.state):
            try:
                rollout = await rollout_of(self._coordinator, journal)
                if await self._merge(rollout, journal):
                    await asyncio.to_thread(journals.merged, path)
                    log.warning("a direct rollback is part of the record now", rollout=rollout, by=journal.by)
            except Exception as error:
                if path not in self._said:
                    self._said.add(path)
                    log.warning("a direct rollback cannot be recorded yet", journal=str(path), error=str(error))

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


async def accept(coordinator: Coordinator, text: str) -> str:
    """Keeps the journal of a watchdog elsewhere as one of ours: a fence at once, and merged like the others.

    Returns the rollout's id. Raises NotFound when it is none of ours, Refused when this is no finished journal.
    """
    try:
        journal = from_json(Journal, text)
    except ValueError:
        raise Refused("this is no journal of a direct rollback, or one of another release") from None
    if not journal.finished or not is_name(journal.run):
        raise Refused("expected the journal of a direct rollback that is over")
    rollout = await rollout_of(coordinator, journal)
    if not await asyncio.to_thread(journals.is_known, coordinator.state, rollout, journal.run):
        await asyncio.to_thread(journals.write, coordinator.state, replace(journal, rollout=rollout))
    return rollout


async def rollout_of(coordinator: Coordinator, journal: Journal) -> str:
    """Raises NotFound."""
    if journal.rollout:
        return (await coordinator.store.run(queries.get_rollout, journal.rollout)).id
    change = (journal.service, journal.environment, journal.version)
    rollout = await coordinator.store.run(queries.newest_of_change, *change)
    if not rollout:
        raise NotFound(f"no rollout of {journal.service} {journal.version} in {journal.environment} is known here")
    return rollout


async def merge(coordinator: Coordinator) -> None:
    await Merging(coordinator).follow()
