"""Lists of rollouts with where each stands. States that were worked out once are kept: only news is read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pilotage.core.people import Place
from pilotage.core.state import RolloutState, apply
from pilotage.store import Store, listing
from pilotage.store.listing import Listed, Mark, Wanted
from pilotage.store.queries import EVERYWHERE

KEPT_STATES = 20_000
MOST_LOOKED_AT = 2000
"""Rollouts that one question may look at: a page may be short, and its mark says where the next one begins."""


@dataclass(frozen=True)
class Listing:
    store: Store
    states: dict[str, RolloutState] = field(default_factory=dict)
    """Where each rollout stood when it was last looked at; they belong to whoever makes this."""

    async def rollouts(
        self,
        places: tuple[Place, ...] = EVERYWHERE,
        wanted: Wanted | None = None,
        after: Mark | None = None,
        limit: int = 50,
    ) -> tuple[list[dict[str, Any]], Mark | None]:
        """The newest first, from after the mark on; the mark of the next page, None when this is the last."""
        wanted = wanted or Wanted()
        found: list[dict[str, Any]] = []
        looked_at, count = 0, limit + 1
        while True:
            ask = self.store.read_beside if wanted.searches else self.store.run
            rows = await ask(listing.page, places, wanted, after, count)
            await self._bring_up(rows)
            for row in rows:
                state = self.states.get(row.id, RolloutState())
                if wanted.status in (None, state.status):
                    if len(found) == limit:
                        return found, after
                    found.append(_summary(row, state))
                after = row.mark
            looked_at += len(rows)
            if len(rows) < count:
                return found, None
            if looked_at >= MOST_LOOKED_AT:
                return found, after

    async def _bring_up(self, rows: list[Listed]) -> None:
        numbers = await self.store.run(listing.newest, [row.id for row in rows])
        looked_at = {name: self.states[name].next_number if name in self.states else 0 for name in numbers}
        known = {name: number for name, number in looked_at.items() if number <= numbers[name]}
        for one in await self.store.run(listing.news, known):
            state = self.states.get(one.rollout, RolloutState())
            if one.number >= state.next_number:  # another look may have been quicker
                self.states[one.rollout] = apply(state, one)
        while len(self.states) > KEPT_STATES:
            del self.states[next(iter(self.states))]


def _summary(row: Listed, state: RolloutState) -> dict[str, Any]:
    return {
        "id": row.id,
        "service": row.service,
        "environment": row.environment,
        "version": row.version,
        "status": state.status.value,
        "weight_in_force": state.weight,
        "reason": state.reason,
        "by": row.requested_by,
        "started_at": row.created_at,
    }
