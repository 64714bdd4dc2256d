"""New errors, and known ones that rise: what the canary's log says that control's does not (docs/method.md, 11).

*New*: were a signature as frequent in both groups, each of its incidents would fall into the canary with chance q, the
canary's share of all exposure (requests, or log volume where only that is known), control's history included. All k of
them do with q^k; among the m signatures that control knows, one does so by chance with at most m q^k. *Rising*: the
ratio test of errors (evidence.py) on incidents, at the level alpha/m.
An incident is all entries of a signature that follow each other within 2 s, for 10 s at most: what fails without a
pause is more than one. It is the group's that began it, so that merging what is frequent favours neither group.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pilotage.core.evidence import RatioEvidence
from pilotage.core.model import LogHistory, LogSeen

INCIDENT_GAP_S = 2.0
LONGEST_INCIDENT_S = 10.0
LEAST_INCIDENTS = 2
LEAST_KNOWN = 20
"""Control is taken to know at least so many signatures: it has more than a short look shows."""
FULL_HISTORY_S = 3600.0
"""With so much history one incident of a crash that was never seen is enough."""


@dataclass(frozen=True)
class Outlier:
    """A signature that stands out. `level`: of a new one, the bound m q^k on chance; of a rising one, log evidence."""

    kind: Literal["new", "rising"]
    number: int
    incidents: int
    control: int
    entries: int
    since: float
    level: float
    limit: float


@dataclass
class _Signature:
    canary: int = 0
    control: int = 0
    entries: int = 0
    since: float = 0.0
    tick: int = 0
    rise: RatioEvidence | None = None


class Novelty:
    """One phase's; `tick` after every look, in order."""

    def __init__(self, known: LogHistory, ticks: int, alpha: float) -> None:
        self.known = known
        self.critical = set(known.critical)
        """Signatures of crashes; to be told before the tick that first shows them."""
        self.canary = self.control = 0.0
        """Exposure so far: requests, or bytes of log."""
        self.before = known.volume
        """Exposure of control's history, in the same unit."""
        self._met: dict[int, _Signature] = {}
        self._control_met = {number for number, _ in known.incidents}
        self._critical_known = len(known.critical)
        self.ticks = ticks
        self._alpha = alpha
        self._tick = 0

    def tick(self, at: float, canary: float, control: float, seen: Iterable[LogSeen]) -> None:
        """What both groups logged since the last tick, and their exposure in it. `at`: Unix seconds."""
        self._tick += 1
        self.canary += canary
        self.control += control
        for one in seen:
            met = self._met.get(one.number)
            if met is None:
                met = self._met[one.number] = _Signature()
            if one.canary and not met.canary:
                met.since = at
            met.canary += one.canary
            met.control += one.control
            met.entries += one.canary_entries
            if (one.control or one.control_entries) and one.number not in self._control_met:
                self._control_met.add(one.number)
                self._critical_known += one.number in self.critical
            if canary > 0 and control > 0:
                met.rise = met.rise or RatioEvidence(self.ticks)
                met.rise.skip(self._tick - 1 - met.tick)
                met.rise.add(canary, one.canary, control, one.control)
                met.tick = self._tick

    def merge(self, number: int, into: int) -> None:
        """Two signatures have turned out to say the same."""
        if number in self._control_met:
            self._control_met.add(into)
        met = self._met.pop(number, None)
        if met is None:
            return
        other = self._met.setdefault(into, met)
        if other is not met:
            other.canary, other.control = other.canary + met.canary, other.control + met.control
            other.entries += met.entries
            other.since = min(other.since or met.since, met.since or other.since)

    @property
    def share(self) -> float:
        """q: the canary's share of all exposure, control's history included."""
        whole = self.canary + self.control + self.before
        return self.canary / whole if whole > 0 else 1.0

    @property
    def signatures_met(self) -> int:
        """Signatures that control has shown."""
        return len(self._control_met)

    def unsure(self) -> list[int]:
        """Signatures that only the canary has shown, too seldom to be sure; the most frequent first."""
        only = [number for number, met in self._met.items() if met.canary and number not in self._control_met]
        sure = {one.number for one in self.outliers()}
        return sorted((one for one in only if one not in sure), key=lambda one: (-self._met[one].canary, one))

    def incidents(self, number: int) -> int:
        """Of the canary, so far."""
        return self._met[number].canary if number in self._met else 0

    def outliers(self) -> list[Outlier]:
        """All that stands out now; the surest first, new before rising."""
        found = []
        q, m = self.share, max(LEAST_KNOWN, len(self._control_met))
        rising_limit = math.log(m / self._alpha)
        for number, met in self._met.items():
            if not met.canary:
                continue
            if number not in self._control_met:
                level = self._chance(number, met.canary, q, m)
                if level < self._alpha:
                    found.append(self._outlier("new", number, met, level, self._alpha))
            elif met.rise is not None and met.canary >= LEAST_INCIDENTS and met.rise.log_e >= rising_limit:
                found.append(self._outlier("rising", number, met, met.rise.log_e, rising_limit))
        return sorted(found, key=lambda one: (one.kind == "rising", -one.incidents, one.number))

    def _chance(self, number: int, incidents: int, q: float, m: int) -> float:
        """The bound on the chance that a signature both groups share shows like this."""
        if number in self.critical:
            if self.known.seconds >= FULL_HISTORY_S:
                return 0.0
            m = max(1, self._critical_known)
        elif incidents < LEAST_INCIDENTS:
            return 1.0
        return min(1.0, m * q**incidents)

    def _outlier(
        self, kind: Literal["new", "rising"], number: int, met: _Signature, level: float, limit: float
    ) -> Outlier:
        return Outlier(kind, number, met.canary, met.control, met.entries, met.since, level, limit)


class Incidents:
    """Tells a signature's incidents apart by its entries' instants, in order or nearly so."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[float, float]] = {}
        """Of the last incident: when it began, and its last entry."""

    def begins(self, number: int, at: float) -> bool:
        """Whether an entry at this instant (Unix seconds) begins an incident. A clock that goes back begins none."""
        began, last = self._seen.get(number, (-math.inf, -math.inf))
        if at - last <= INCIDENT_GAP_S and at - began < LONGEST_INCIDENT_S:
            self._seen[number] = (began, max(at, last))
            return False
        self._seen[number] = (at, at)
        return True
