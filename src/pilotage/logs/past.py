"""Control's log of the time before a rollout, counted up into a LogHistory."""

from __future__ import annotations

import math

from pilotage.core.model import LogHistory
from pilotage.core.novelty import Incidents
from pilotage.core.signatures import NOT_AN_ERROR, Miner
from pilotage.core.stamps import instant

_HEAD = 24


class Past:
    """Takes pieces in their order, or nearly so. Entries without an instant belong to the one before."""

    def __init__(self, miner: Miner, year: int) -> None:
        self._miner, self._year = miner, year
        self._volume = 0
        self._first, self._last = math.inf, -math.inf
        self._at: float | None = None
        self._head = b""
        self._incidents = Incidents()
        self._counts: dict[int, int] = {}

    def take(self, data: bytes, numbers: list[int], places: list[tuple[int, int]]) -> None:
        self._volume += len(data)
        self._span(data)
        for number, (start, _) in zip(numbers, places, strict=True):
            if number == NOT_AN_ERROR:
                continue
            head = data[start : start + _HEAD]
            if head != self._head or self._at is None:
                self._head = head
                self._at = instant(data[start : start + 400], self._year) or self._at
            at = self._at or 0.0
            if self._incidents.begins(number, at):
                self._counts[number] = self._counts.get(number, 0) + 1

    def _span(self, data: bytes) -> None:
        """The time the log spans, by the first and the last line of each piece."""
        last_line = data.rfind(b"\n", 0, len(data) - 1) + 1
        for start in (0, last_line):
            at = instant(data[start : start + 400], self._year)
            if at is not None:
                self._first, self._last = min(self._first, at), max(self._last, at)

    def history(self) -> LogHistory:
        incidents: dict[int, int] = {}
        for number, count in self._counts.items():
            group = self._miner.group(number)
            incidents[group] = incidents.get(group, 0) + count
        critical = tuple(sorted(number for number in incidents if self._miner.signatures[number].critical))
        seconds = max(0.0, self._last - self._first)
        return LogHistory(float(self._volume), seconds, tuple(sorted(incidents.items())), critical)
