"""The use cases after a rollout: which follow-ups are open, noting one as done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from pilotage.codec import to_data
from pilotage.core import events as ev
from pilotage.core.aftercare import left_open
from pilotage.core.errors import Refused
from pilotage.core.followups import follow_ups
from pilotage.core.state import fold
from pilotage.engine import Aftermath, Engine, OpenItem, Settled, aftermath_id
from pilotage.store import Store, queries
from pilotage.store.queries import RolloutRow

log = structlog.get_logger()


@dataclass(frozen=True)
class Aftercare:
    store: Store
    engine: Engine

    async def of(self, rollout: str) -> list[dict[str, Any]]:
        """All follow-ups of one rollout, by due time."""
        row = await self.store.run(queries.get_rollout, rollout)
        return await self._rows(row)

    async def open(self) -> list[dict[str, Any]]:
        """Those of all rollouts that are not done, by due time."""
        rows = [await self._rows(row) for row in await self.store.run(queries.unsettled_rollouts)]
        left = [one for some in rows for one in some if one["status"] != "done"]
        return sorted(left, key=lambda one: float(one["due_at"]))

    async def settle(self, rollout: str, item: str, by: str, note: str) -> str:
        """Raises Refused for one that is not open or without a name, NotFound when nothing is open any more."""
        if not by.strip():
            raise Refused("this is recorded under a person's name: --by NAME")
        return await self.engine.settle(rollout, Settled(item, by.strip(), note))

    async def recover(self) -> None:
        """Begins again what the engine no longer knows."""
        for row in await self.store.run(queries.unsettled_rollouts):
            if await self.engine.is_running(row.id) or await self.engine.is_running(aftermath_id(row.id)):
                continue
            record = await self.store.run(queries.events_of, row.id)
            state = fold(record)
            if not state.status.ended or any(isinstance(one.event, ev.AftermathEnded) for one in record):
                await self.store.run(queries.settle_rollout, row.id)
                continue
            left = left_open(record, state.status)
            items = None if left is None else tuple(OpenItem(item, at, 0, failed) for item, at, failed in left)
            ended_at = next(one.at for one in record if isinstance(one.event, ev.Promoted | ev.RolledBack | ev.Failed))
            log.warning("the engine does not know what comes after this rollout; beginning it again", rollout=row.id)
            await self.engine.follow_up(Aftermath(row.id, row.plan, state.status, ended_at, state.next_number, items))

    async def _rows(self, row: RolloutRow) -> list[dict[str, Any]]:
        record = await self.store.run(queries.events_of, row.id)
        plan = row.plan
        about = {"rollout": row.id, "service": plan.service, "environment": plan.environment, "version": plan.version}
        return [{**about, **to_data(one)} for one in follow_ups(record)]
