"""A rollout's log listener, in step with the stored samples: what was counted and not stored is counted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pilotage.core.model import Reading, Sample, Verdict
from pilotage.engine.crew import Crew
from pilotage.logs.live import Listener
from pilotage.logs.saved import Saved
from pilotage.store import Store, logs, queries

WATCH_BEAT_S = 2.0
"""A watch, of which there may be a thousand, shows its life so often."""
LOGS_BEAT_S = 1.0
"""Logs are read so often: incidents are told apart by 2 s."""

Place = tuple[int, int]
"""Phase and tick of a stored sample."""


class Listening:
    """Kept between the watches of a rollout in one worker; `settle` before each of them."""

    def __init__(self, store: Store, crew: Crew, now: Callable[[], float]) -> None:
        self._store, self._crew, self._now = store, crew, now
        self._listener: Listener | None = None
        self._stands_at: Place | None = None
        self._saved: Saved | None = None

    @property
    def beat_s(self) -> float:
        """Seconds between two polls."""
        return WATCH_BEAT_S if self._listener is None else LOGS_BEAT_S

    async def settle(self, rollout: str, last: Place | None) -> None:
        """After the sample at `last` (None: before the first): a listener that stands elsewhere is made anew."""
        if self._crew.plan.logs is None or (self._listener is not None and self._stands_at == last):
            return
        if self._listener is not None:
            await self._crew.renew_logs()
        self._listener = Listener(self._crew.plan.logs, self._crew.logs, self._now)
        if last is not None and (saved := await self._store.run(logs.load, rollout)) is not None:
            self._listener.restore(saved)
        self._stands_at = last

    async def read_history(self) -> None:
        if self._listener is not None:
            await self._listener.read_history()

    async def poll(self) -> None:
        if self._listener is not None:
            await self._listener.poll()

    async def complete(self, reading: Reading) -> Reading:
        """The reading with what the logs have shown since the last one."""
        self._saved = None
        if self._listener is None:
            return reading
        self._stands_at = None
        await self._listener.poll()
        counts, self._saved = await self._listener.counts()
        return replace(reading, logs=counts)

    async def store(self, rollout: str, sample: Sample, verdict: Verdict) -> bool:
        """The sample, and with it what the listener knows. False when this tick is already there."""
        stored = await self._store.run(queries.add_sample, rollout, sample, verdict, self._saved)
        if stored:
            self._stands_at = (sample.phase, sample.tick)
        return stored
