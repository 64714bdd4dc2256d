"""Do users open more tickets than before the rollout? (docs/method.md, 10). Pure.

The rate before is known from N tickets in T seconds only up to chance, so the null is its upper confidence bound at
alpha/2: ``chi2(1 - alpha/2; 2(N+1)) / 2T`` (Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28,
1936). The other alpha/2 is the e-process's: by the union bound both together raise a false alarm with at most alpha.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from pilotage.core import policy
from pilotage.core.evidence import Mixture
from pilotage.core.model import Action, Finding, Phase, Plan, Reading, Sample
from pilotage.core.signals import TicketBaseline
from pilotage.core.words import e_value

RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0)
"""From 2 on: tickets drift by the hour, and a rise by a third is no reason to go back."""
HUGE = 1e15
SURE = 2.5
LEAST_MINUTES, LEAST_TICKETS = 10, 10
STALE_S = 60.0


class RiseEvidence(Mixture):
    """Evidence that a Poisson rate is above `rate` (per second): a mixture of likelihood ratios at 2 to 30 times it,
    with a change-point prior. ``ln(theta) k - rate dt (theta - 1)`` for k events in dt seconds; Wald, "Sequential
    Analysis" (1947), mixed as in evidence.py. Divided by phi >= 1 it stays an e-process (Jensen's inequality)."""

    def __init__(self, rate: float, ticks: int, phi: float = 1.0) -> None:
        super().__init__(len(RATIOS), ticks)
        self._gains = [(math.log(theta) / phi, rate * (theta - 1) / phi) for theta in RATIOS]

    def add(self, events: float, seconds: float) -> None:
        self.advance([events * gain - seconds * loss for gain, loss in self._gains])


@lru_cache(maxsize=256)
def garwood_upper(events: int, level: float) -> float:
    """The mean at which `events` or fewer come with a chance of `level`: the upper bound of a Poisson mean."""
    low, high = float(events), events + 10.0 + 10 * math.sqrt(events + 1) - 2 * math.log(level)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(events, middle) > level else (low, middle)
    return high


def _at_most(events: int, mean: float) -> float:
    """P(X <= events) for a Poisson mean above `events`: the terms fall from the last one down."""
    term = total = math.exp(events * math.log(mean) - mean - math.lgamma(events + 1))
    for k in range(events, 0, -1):
        term *= k / mean
        total += term
        if term < 1e-14 * total:
            break
    return total


def bound_of(base: TicketBaseline, level: float) -> float:
    """Tickets a second that the time before may really have had, at most. Bursts count as phi tickets each."""
    return base.phi * garwood_upper(math.ceil(base.tickets / base.phi), level) / base.seconds


class TicketMeter:
    """Cumulative counts to (tickets, seconds) since the last good reading; a sentence where there is none."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def take(self, at: float, reading: Reading) -> tuple[float, float] | str | None:
        """None for the first reading."""
        total = reading.tickets
        if total is None:
            return reading.tickets_fault or "has no series"
        if not 0 <= total <= HUGE:
            return "is not a number"
        before, self._last = self._last, (at, total)
        if before is None or at <= before[0]:
            return None
        if total < before[1]:
            return "began anew"
        return total - before[1], at - before[0]


def baseline(samples: Iterable[Sample], plan: Plan) -> TicketBaseline | None:
    """The tickets of the history and of the phases before the first judged one; None without any."""
    if plan.measures.tickets is None:
        return None
    first = next((number for number, one in enumerate(plan.phases) if one.judged), len(plan.phases))
    meter = TicketMeter()
    spans: list[tuple[float, float]] = []
    for sample in samples:
        if sample.phase < first or sample.tick < 0:
            step = meter.take(sample.at, sample.reading)
            if isinstance(step, tuple):
                spans.append(step)
    seconds = sum(one for _, one in spans)
    if seconds <= 0:
        return None
    tickets = sum(one for one, _ in spans)
    return TicketBaseline(tickets, seconds, _phi([one for one in spans if one[1] >= 30], tickets / seconds))


def _phi(minutes: list[tuple[float, float]], rate: float) -> float:
    """1 + 1.5 (phi - 1) where Pearson's chi-square over its degrees of freedom is surely above 1 (method.md, 2)."""
    if len(minutes) < LEAST_MINUTES or sum(events for events, _ in minutes) < LEAST_TICKETS:
        return 1.0
    chi = sum((events - rate * seconds) ** 2 / (rate * seconds) for events, seconds in minutes)
    freedom = len(minutes) - 1
    spread = math.sqrt(2 * freedom + sum(1 / (rate * seconds) for _, seconds in minutes))
    return 1 + 1.5 * (chi / freedom - 1) if chi > freedom + SURE * spread else 1.0


class TicketTally:
    """Tickets and seconds by phase, for the comparison table."""

    def __init__(self) -> None:
        self._meter, self._phase = TicketMeter(), -1
        self._phases: dict[int, tuple[float, float]] = {}

    def take(self, sample: Sample) -> None:
        if sample.phase != self._phase:
            self._meter, self._phase = TicketMeter(), sample.phase
        step = self._meter.take(sample.at, sample.reading)
        if isinstance(step, tuple):
            tickets, seconds = self._phases.get(sample.phase, (0.0, 0.0))
            self._phases[sample.phase] = tickets + step[0], seconds + step[1]

    def rate(self, phases: Iterable[int]) -> float | None:
        """Tickets a second."""
        found = [self._phases[one] for one in phases if one in self._phases]
        return sum(tickets for tickets, _ in found) / sum(seconds for _, seconds in found) if found else None


class Tickets:
    """The service's tickets through one phase."""

    def __init__(self, plan: Plan, phase: Phase, base: TicketBaseline | None) -> None:
        self._plan, self._base, self._tick_s = plan, base, phase.tick_s
        self.alarm = math.log(2 / plan.limits.alpha)
        self._bound = 0.0 if base is None else bound_of(base, plan.limits.alpha / 2)
        ticks = max(2, round(phase.watch_s / phase.tick_s))
        self.evidence = RiseEvidence(self._bound, ticks, base.phi if base else 1.0)
        self._meter = TicketMeter()
        self._tickets = self._seconds = 0.0
        self._why = "was not read"
        self._good, self._now = -math.inf, 0.0

    def take(self, sample: Sample) -> None:
        self._now = sample.at
        step = self._meter.take(sample.at, sample.reading)
        if isinstance(step, str):
            self._why = step
            return
        self._good = sample.at
        if step is not None:
            self._tickets, self._seconds = self._tickets + step[0], self._seconds + step[1]
            if self._base is not None:
                self.evidence.add(*step)

    def finding(self) -> Finding:
        base = self._base
        mine = self._tickets / self._seconds if self._seconds else None
        before = base.tickets / base.seconds if base else None
        log_e = self.evidence.log_e

        def found(action: Action, sentence: str, shows: str = "") -> Finding:
            said = f"tickets {sentence}"
            return Finding("tickets", action, said, mine, before, None, None, self._tickets, log_e, self.alarm, shows)

        if base is None:
            return found(
                Action.WATCH,
                f"not known: no count of the time before the rollout to compare with (their counter {self._why})",
            )
        said = (
            f"{self._tickets:g} in {_minutes(self._seconds)} against {base.tickets:g} in the {_minutes(base.seconds)} "
            f"before (at most {self._bound * 60:.3g} /min): evidence {e_value(log_e)}, limit {math.exp(self.alarm):.3g}"
        )
        if log_e >= self.alarm:
            return found(policy.action(self._plan, "tickets-rise"), said, "tickets-rise")
        if self._good < self._now - max(STALE_S, 2 * self._tick_s) - self._tick_s / 2 or mine is None:
            return found(Action.WATCH, f"not known: their counter {self._why}; so far {said}")
        return found(Action.PROMOTE, said)


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.3g} min"
