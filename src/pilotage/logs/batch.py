"""Log files as they lie there: which signatures they hold, which of them a baseline does not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pilotage.core.entries import Search
from pilotage.core.evidence import binomial_tail
from pilotage.core.novelty import FULL_HISTORY_S, INCIDENT_GAP_S, LEAST_INCIDENTS, LEAST_KNOWN, Incidents
from pilotage.core.signatures import NOT_AN_ERROR, Miner
from pilotage.core.stamps import instant

BACK_S = 60.0
"""Clocks that go back by more are worth a word."""
_HEAD = 19


@dataclass
class Group:
    """What one group's files hold: volume in bytes, entries and their instants by signature (Unix seconds)."""

    volume: int = 0
    entries: Counter[int] = field(default_factory=Counter)
    first: float = math.inf
    last: float = -math.inf
    undated: int = 0
    went_back: int = 0
    _slots: dict[int, set[int]] = field(default_factory=dict)
    _since: dict[int, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return max(0.0, self.last - self.first)

    def since(self, number: int) -> float | None:
        return self._since.get(number)

    def incidents(self, number: int) -> int:
        """As novelty.py has them, to the next two seconds; entries without an instant are one together."""
        found = Incidents()
        count = sum(found.begins(number, slot * INCIDENT_GAP_S) for slot in sorted(self._slots.get(number, ())))
        return max(count, 1) if self.entries[number] else 0

    def fold(self, into: dict[int, int]) -> None:
        """Signatures that have turned out to be the same are counted as one."""
        for number in [one for one in self.entries if one in into]:
            lowest = number
            while lowest in into:
                lowest = into[lowest]
            self.entries[lowest] += self.entries.pop(number)
            self._slots.setdefault(lowest, set()).update(self._slots.pop(number, ()))
            since = self._since.pop(number, math.inf)
            self._since[lowest] = min(since, self._since.get(lowest, math.inf))

    def take(self, miner: Miner, search: Search, pieces: Iterable[tuple[bytes, int]], year: int) -> None:
        """One file's pieces of whole entries."""
        at: float | None = None
        head = b""
        for data, stop in pieces:
            self.volume += stop
            numbers, places = miner.mine(data, search, stop)
            self.entries.update(numbers)
            for number, (start, _) in zip(numbers, places, strict=True):
                if number == NOT_AN_ERROR:
                    continue
                beginning = data[start : start + _HEAD]
                if beginning != head or at is None:
                    head = beginning
                    found = instant(data[start : start + 400], year)
                    if found is not None and at is not None and found < at - BACK_S:
                        self.went_back += 1
                    at = at if found is None else found
                if at is None:
                    self.undated += 1
                    continue
                self.first, self.last = min(self.first, at), max(self.last, at)
                self._slots.setdefault(number, set()).add(int(at // INCIDENT_GAP_S))
                if number not in self._since or at < self._since[number]:
                    self._since[number] = at
        self.entries.pop(NOT_AN_ERROR, None)


@dataclass(frozen=True)
class Difference:
    """A signature of the canary's files beside the baseline's. `chance`: the bound on its coming about by chance."""

    kind: str
    """``new``, ``perhaps new`` (not in the baseline, but too seldom to be sure), ``rising`` or ``known``."""
    number: int
    entries: int
    incidents: int
    baseline_entries: int
    baseline_incidents: int
    since: float | None
    chance: float


def compare(miner: Miner, canary: Group, baseline: Group, alpha: float) -> Iterator[Difference]:
    """Every signature of the canary, one look (docs/method.md, 11)."""
    whole = canary.volume + baseline.volume
    q = canary.volume / whole if whole else 1.0
    m = max(LEAST_KNOWN, len(baseline.entries))
    for number, entries in canary.entries.items():
        ours, theirs = canary.incidents(number), baseline.incidents(number)
        if theirs:
            chance = min(1.0, m * binomial_tail(ours, ours + theirs, q))
            kind = "rising" if chance < alpha and ours >= LEAST_INCIDENTS else "known"
        else:
            chance = _chance_of_new(miner, number, ours, q, m, baseline)
            kind = "new" if chance < alpha else "perhaps new"
        since = canary.since(number)
        yield Difference(kind, number, entries, ours, baseline.entries[number], theirs, since, chance)


def _chance_of_new(miner: Miner, number: int, incidents: int, q: float, m: int, baseline: Group) -> float:
    if miner.signatures[number].critical and baseline.seconds >= FULL_HISTORY_S:
        return 0.0
    return min(1.0, m * q**incidents) if incidents >= LEAST_INCIDENTS else 1.0
