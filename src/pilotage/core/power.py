"""What a phase can see: the smallest regression its traffic shows with 95 % power (JUDGE 8).

Wald's approximation for the first ratio whose evidence reaches the boundary ln(1/alpha) + ln(6/.5): the drift and the
variance of its log-likelihood ratio per request give the chance that a Brownian motion crosses it
(Siegmund, "Sequential Analysis", 1985, chapter III).
"""

from __future__ import annotations

import math

from pilotage.core.evidence import RATIOS

WANTED_POWER = 0.95


def smallest_visible(
    requests: float, share: float, usual: float, alpha: float = 0.01, phi: float = 1.0
) -> float | None:
    """The smallest canary error rate seen with 95 % power, or None when even total failure would not be.

    `requests` of both groups together, `share` of the canary (0-1), `usual` error rate of the control (0-1), `phi`
    the overdispersion factor phi' that divides the evidence.
    """
    if not (requests > 0 and 0 < share < 1 and 0 < usual < 1):
        return None
    low, high = 1.0, 1 / usual
    if power(requests, share, usual, high, alpha, phi) < WANTED_POWER:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        seen = power(requests, share, usual, middle, alpha, phi) >= WANTED_POWER
        low, high = (low, middle) if seen else (middle, high)
    return usual * high


def power(requests: float, share: float, usual: float, ratio: float, alpha: float = 0.01, phi: float = 1.0) -> float:
    """The chance to see errors at `ratio` times the usual rate within so many requests."""
    bar = math.log(1 / alpha) + math.log(len(RATIOS) / 0.5)
    canary, control = usual * share * ratio, usual * (1 - share)
    best = 0.0
    for theta in RATIOS:
        mixed = math.log(1 - share + share * theta)
        gain = math.log(theta) - mixed
        drift = (canary * gain - control * mixed) / phi
        spread = (canary * gain**2 + control * mixed**2) / phi
        if drift <= 0 or spread <= 0 or requests <= 0:
            continue
        width = math.sqrt(spread * requests)
        reached = _phi((drift * requests - bar) / width)
        tail = _phi((-bar - drift * requests) / width)
        exponent = 2 * drift * bar / spread
        best = max(best, reached + (math.exp(min(exponent, 700)) * tail if tail > 0 else 0.0))
    return min(best, 1.0)


def _phi(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))
