"""How the rollouts stand, for a machine that asks every few seconds: only what is new is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pilotage.core.events import Recorded
from pilotage.core.state import RolloutState, Status, apply
from pilotage.store import Store, messages, queries


@dataclass
class _Known:
    state: RolloutState = field(default_factory=RolloutState)
    waits_since: float | None = None

    def take(self, recorded: Recorded) -> None:
        self.state = apply(self.state, recorded)
        if not self.state.needs_person:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = recorded.at


@dataclass(frozen=True)
class Standing:
    """Of the rollouts that have not ended. `waits_since`: of the one that waits longest for a person, Unix seconds."""

    statuses: dict[Status, int]
    waits_since: float | None


class Standings:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, _Known] = {}

    async def look(self) -> Standing:
        active = await self._store.run(queries.running_rollouts)
        self._known = {one: self._known.get(one) or _Known() for one in active}
        known = dict(self._known)
        heads = await self._store.run(messages.heads, known.keys())
        for rollout, one in known.items():
            if heads.get(rollout, -1) >= one.state.next_number:
                for recorded in await self._store.run(queries.events_of, rollout, one.state.next_number):
                    if recorded.number >= one.state.next_number:  # another look may have been quicker
                        one.take(recorded)
        counted = Counter(one.state.status for one in known.values())
        waiting = [one.waits_since for one in known.values() if one.waits_since is not None]
        return Standing({status: counted[status] for status in Status if not status.ended}, min(waiting, default=None))
