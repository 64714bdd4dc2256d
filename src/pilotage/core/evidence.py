"""Anytime-valid evidence: numbers that may be looked at after every tick without raising the false-alarm rate.

Both classes are e-processes: under the null hypothesis their expectation never exceeds 1, so by Ville's inequality
the chance that ``log_e`` ever reaches ``log(1/alpha)`` is at most alpha.
Lineage: Lindon & Malek (NeurIPS 2022); Turner, Ly & Grunwald (arXiv 2106.02693); Netflix (arXiv 2205.14762).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
GUARD_RATES = (0.03, 0.05, 0.1, 0.2, 0.5)

_NEVER = -math.inf


def log_sum(values: Sequence[float]) -> float:
    """log(sum(exp(values))) without overflow; -inf for none."""
    top = max(values, default=_NEVER)
    if top == _NEVER:
        return _NEVER
    return top + math.log(math.fsum(math.exp(value - top) for value in values))


class _Mixture:
    """A mixture over alternatives, each with a change-point prior: half its mass starts with the first tick,
    the rest is spread evenly over the phase's ticks, so that a late onset costs little."""

    def __init__(self, size: int, ticks: int) -> None:
        self._logs = [_NEVER] * size
        self._ticks = max(2, ticks)
        self._seen = 0
        self._log_share = -math.log(size)

    @property
    def log_e(self) -> float:
        waiting = self._mass_not_started()
        return log_sum([*self._logs, math.log(waiting) if waiting > 0 else _NEVER])

    def _advance(self, increments: Sequence[float]) -> None:
        mass = self._mass_of(self._seen)
        starting = math.log(mass) + self._log_share if mass > 0 else _NEVER
        self._logs = [
            log_sum((old, starting)) + increment for old, increment in zip(self._logs, increments, strict=True)
        ]
        self._seen += 1

    def _mass_of(self, tick: int) -> float:
        if tick == 0:
            return 0.5
        return 0.5 / (self._ticks - 1) if tick < self._ticks else 0.0

    def _mass_not_started(self) -> float:
        if self._seen == 0:
            return 1.0
        return 0.5 * max(0, self._ticks - self._seen) / (self._ticks - 1)


class RatioEvidence(_Mixture):
    """Evidence that group A's error rate is higher than group B's (JUDGE 1).

    Conditioned on the errors of both groups together, A's errors are binomial with share rho of the requests when
    the rates are equal; the alternatives multiply A's rate by theta. A shared outage therefore cancels.
    """

    def __init__(self, ticks: int, overdispersion: float = 1.0) -> None:
        super().__init__(len(RATIOS), ticks)
        self._phi = max(1.0, overdispersion)

    def add(self, n_a: float, e_a: float, n_b: float, e_b: float) -> None:
        """One tick's requests and errors; both groups' counts are of that tick alone."""
        total = n_a + n_b
        rho = n_a / total if total > 0 else 0.0
        errors = e_a + e_b
        self._advance(
            [(e_a * math.log(theta) - errors * math.log(1 - rho + rho * theta)) / self._phi for theta in RATIOS]
        )


class RateEvidence(_Mixture):
    """Evidence that one group's rate is above `limit` (JUDGE 4): a binomial likelihood-ratio mixture."""

    def __init__(self, limit: float, ticks: int) -> None:
        self._limit = min(max(limit, 1e-6), 0.999)
        scale = self._limit / 0.02
        rates = {min(rate * scale, (1 + self._limit) / 2, 0.999) for rate in GUARD_RATES}
        self._rates = sorted(rates | {rate for rate in (0.1, 0.2, 0.5) if rate > self._limit})
        super().__init__(len(self._rates), ticks)

    def add(self, n: float, e: float) -> None:
        """One tick's requests and events; `e` must not exceed `n`."""
        p = self._limit
        self._advance([e * math.log(q / p) + (n - e) * math.log((1 - q) / (1 - p)) for q in self._rates])


def wilson(e: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate, for display; (0, 1) without data. Source: Wilson, JASA 22 (1927)."""
    if n <= 0:
        return 0.0, 1.0
    z = 1.959964
    rate = e / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)
