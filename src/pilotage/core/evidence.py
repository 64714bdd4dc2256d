"""Anytime-valid evidence: numbers that may be looked at after every tick without raising the false-alarm rate.

Each class is an e-process: under the null hypothesis its expectation never exceeds 1, so by Ville's inequality
the chance that ``log_e`` ever reaches ``log(1/alpha)`` is at most alpha.
Lineage: Lindon & Malek (NeurIPS 2022); Turner, Ly & Grunwald (arXiv 2106.02693); Netflix (arXiv 2205.14762).

`phi` is the overdispersion factor phi' (see dispersion.py); log-increments are divided by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from math import exp

RATIOS = (2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
GUARD_RATES = (0.03, 0.05, 0.1, 0.2, 0.5)
NOT_WORSE_RATIOS = (1.0, 0.7, 0.4)
NOT_WORSE_LIMIT = 2.0

_LARGEST = 1e300


class Mixture:
    """A mixture over alternatives, each with a change-point prior: half its mass starts with the first tick,
    the rest is spread evenly over the phase's ticks, so that a late onset costs little (docs/method.md, 1).

    Each alternative's value is capped at 1e300: a lower value is still a valid one.
    """

    def __init__(self, size: int, ticks: int) -> None:
        self._values = [0.0] * size
        self._size = size
        self._ticks = max(2, ticks)
        self._later = 0.5 / (self._ticks - 1)
        self._seen = 0

    @property
    def log_e(self) -> float:
        """The natural logarithm of the evidence; -inf when nothing is left of it."""
        if self._seen == 0:
            return 0.0
        value = math.fsum(self._values) + self._later * max(0, self._ticks - self._seen)
        return math.log(min(value, _LARGEST)) if value > 0 else -math.inf

    def advance(self, increments: Sequence[float]) -> None:
        """One tick: the log-likelihood ratio of each alternative, in the alternatives' order."""
        seen = self._seen
        mass = 0.5 if seen == 0 else self._later if seen < self._ticks else 0.0
        share = mass / self._size
        try:
            values = [(value + share) * exp(step) for value, step in zip(self._values, increments, strict=True)]
        except OverflowError:
            values = [math.inf if step > 0 else 0.0 for step in increments]
        self._values = values if max(values) <= _LARGEST else [min(value, _LARGEST) for value in values]
        self._seen = seen + 1

    def skip(self, ticks: int) -> None:
        """So many ticks in which nothing happened, at once."""
        if ticks <= 0:
            return
        first = 0.5 if self._seen == 0 else 0.0
        rest = min(self._seen + ticks, self._ticks) - max(self._seen, 1)
        share = (first + self._later * max(0, rest)) / self._size
        self._values = [value + share for value in self._values]
        self._seen += ticks


class RatioEvidence(Mixture):
    """Evidence that group A's error rate is higher than group B's (docs/method.md, 1).

    Conditioned on the errors of both groups together, A's errors are binomial with share rho of the requests when
    the rates are equal; the alternatives multiply A's rate by theta. A shared outage therefore cancels.
    """

    def __init__(self, ticks: int, ratios: Sequence[float] = RATIOS) -> None:
        super().__init__(len(ratios), ticks)
        self._ratios = [(theta, math.log(theta)) for theta in ratios]
        self._none = [0.0] * len(ratios)

    def add(self, n_a: float, e_a: float, n_b: float, e_b: float, phi: float = 1.0) -> None:
        """One tick's requests and errors; both groups' counts are of that tick alone."""
        errors, total = e_a + e_b, n_a + n_b
        if errors == 0 or total <= 0:
            self.advance(self._none)
            return
        rho = n_a / total
        rest, log = 1 - rho, math.log
        own, both = e_a / phi, errors / phi
        self.advance([own * log_theta - both * log(rest + rho * theta) for theta, log_theta in self._ratios])


class RateEvidence(Mixture):
    """Evidence that one group's rate is above `limit` (docs/method.md, 4): a binomial likelihood-ratio mixture."""

    def __init__(self, limit: float, ticks: int) -> None:
        p = min(max(limit, 1e-6), 0.999)
        scale = p / 0.02
        rates = {min(rate * scale, (1 + p) / 2, 0.999) for rate in GUARD_RATES}
        rates |= {rate for rate in (0.1, 0.2, 0.5) if rate > p}
        self._gains = [(math.log(q / p), math.log((1 - q) / (1 - p))) for q in sorted(rates)]
        super().__init__(len(self._gains), ticks)

    def add(self, n: float, e: float, phi: float = 1.0) -> None:
        """One tick's requests and events; `e` must not exceed `n`."""
        bad, good = e / phi, (n - e) / phi
        self.advance([bad * gain + good * loss for gain, loss in self._gains])


class NotWorseEvidence:
    """Evidence that group A's error rate is less than twice group B's (docs/method.md, 6), for early promotion.

    The null is a ratio of 2 or more; the alternatives 1, .7 and .4 share the mass from the first tick.
    """

    def __init__(self) -> None:
        self._logs = [0.0] * len(NOT_WORSE_RATIOS)

    @property
    def log_e(self) -> float:
        top = max(self._logs)
        return top + math.log(math.fsum(math.exp(one - top) for one in self._logs) / len(self._logs))

    def add(self, n_a: float, e_a: float, n_b: float, e_b: float, phi: float = 1.0) -> None:
        """One tick's requests and errors."""
        total = n_a + n_b
        if total <= 0:
            return
        rho, errors = n_a / total, e_a + e_b
        null = math.log(1 - rho + rho * NOT_WORSE_LIMIT)
        self._logs = [
            old + (e_a * math.log(theta / NOT_WORSE_LIMIT) - errors * (math.log(1 - rho + rho * theta) - null)) / phi
            for old, theta in zip(self._logs, NOT_WORSE_RATIOS, strict=True)
        ]


# ------------------------------------------------------------------ one look, at the end of a watch


@lru_cache(maxsize=256)
def wilson(e: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate, for display; (0, 1) without data. Source: Wilson, JASA 22 (1927)."""
    if n <= 0:
        return 0.0, 1.0
    rate, square = e / n, 3.841459 / n
    middle = rate + square / 2
    half = math.sqrt(max(0.0, square * (rate * (1 - rate) + square / 4)))
    return max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))


def binomial_tail(e: float, n: float, p: float) -> float:
    """P(X >= e) for X ~ Bin(n, p): the exact one-sided test, for one look. Counts may be fractions; they are rounded
    towards fewer events. Source: Clopper & Pearson, Biometrika 26 (1934)."""
    events, trials = math.floor(e), max(math.ceil(n), math.floor(e))
    if events <= 0 or p >= 1:
        return 1.0
    if p <= 0:
        return 0.0
    if events <= trials * p:
        return 1.0  # at or below what is expected: no test rejects; the exact value does not matter
    odds = p / (1 - p)
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(events + 1)
        - math.lgamma(trials - events + 1)
        + events * math.log(p)
        + (trials - events) * math.log1p(-p)
    )
    total = term
    for k in range(events, trials):  # beyond the mean the terms fall, faster and faster
        term *= (trials - k) / (k + 1) * odds
        total += term
        if term <= total * 1e-12:
            break
    return min(1.0, total)
