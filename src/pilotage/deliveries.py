"""How deliveries went: the figures of core.dora over the rollouts that have ended.

What became of a rollout is worked out once, and again when its record has grown: a look over 10,000 rollouts costs
the database one pass over two indexes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pilotage.codec import to_data
from pilotage.core.dora import DAY_S, FIXED_WITHIN_S, Delivery, Figures, History, histories, only
from pilotage.store import Store, history

LONGEST_S = 30 * DAY_S
"""A rollout that took longer is not found: it began before what is looked at."""
AT_ONCE = 200
"""Records: a first look must not keep others from the store."""

Known = dict[str, tuple[int, Delivery]]
"""By rollout: how long its record was, and what had become of it."""


@dataclass(frozen=True)
class Filters:
    """The last `days`, of one service or environment; empty means all."""

    days: int = 30
    service: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Deliveries:
    store: Store
    known: Known = field(default_factory=dict)

    async def told(self, filters: Filters, now: float, sees: Callable[[str, str], bool]) -> dict[str, Any]:
        """Plain JSON. `sees` says of a service and environment whether the caller may see it."""
        begin = now - filters.days * DAY_S
        every = [one for one in await self._every(begin - LONGEST_S) if sees(one.service, one.environment)]
        chosen = only(every, filters.service, filters.environment)
        first, *each = await asyncio.to_thread(histories, chosen, begin, now)
        return {
            "days": filters.days,
            "begin": begin,
            "end": now,
            "service": filters.service,
            "environment": filters.environment,
            "fixed_within_s": FIXED_WITHIN_S,
            "all": _told(first),
            "services": [_told(one) for one in each],
            "known_services": sorted({one.service for one in every}),
            "known_environments": sorted({one.environment for one in every}),
        }

    async def _every(self, begin: float) -> list[Delivery]:
        ended = await self.store.run(history.ended_since, begin)
        for gone in self.known.keys() - {one.id for one in ended}:
            self.known.pop(gone, None)
        new = [one for one in ended if one.id not in self.known or self.known[one.id][0] != one.length]
        changes = await self.store.run(history.first_known) if new else {}
        for start in range(0, len(new), AT_ONCE):
            some = new[start : start + AT_ONCE]
            lengths = {one.id: one.length for one in some}
            for delivery in await self.store.run(history.deliveries, some, changes):
                self.known[delivery.rollout] = (lengths[delivery.rollout], delivery)
        return [self.known[one.id][1] for one in ended if one.id in self.known]


def _told(one: History) -> dict[str, Any]:
    return {
        "service": one.service,
        "environment": one.environment,
        **_figures(one.figures),
        "weeks": [{"begin": week.begin, **_figures(week.figures)} for week in one.weeks],
    }


def _figures(one: Figures) -> dict[str, Any]:
    return {**to_data(one), "changes": one.changes, "failed": one.failed}
