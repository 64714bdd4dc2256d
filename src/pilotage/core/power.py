"""What a phase can see: the smallest regression its traffic shows with 95 % power (docs/method.md, 8).

Wald's approximation for the first ratio whose evidence reaches the boundary ln(1/alpha) + ln(6/.5): the drift and the
variance of its log-likelihood ratio per request give the chance that a Brownian motion crosses it
(Siegmund, "Sequential Analysis", 1985, chapter III).
"""

from __future__ import annotations

import math

from pilotage.core.evidence import RATIOS
from pilotage.core.model import Plan
from pilotage.core.quantities import duration

WANTED_POWER = 0.95
NOTHING_EXPECTED = "unknown: add `expect: {requests: 5M/day, errors: 0.3%}` with what the service usually gets."
COARSE = 0.05
"""A phase that sees only more errors than this is worth a proposal."""


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


def visible(plan: Plan) -> dict[str, str]:
    """By phase name, what it will get and can see; nothing when the plan does not say what traffic it expects."""
    given = plan.expected
    if given is None:
        return {}
    found = {}
    for phase in plan.phases:
        if phase.judged and not phase.share_known:
            found[phase.name] = f"for {duration(phase.watch_s)} requests of a share that the plan does not know"
        elif phase.judged:
            said = sentence(phase.weight, phase.watch_s, given.requests_per_s, given.errors, plan.limits.alpha)
            least = plan.limits.min_requests
            if given.requests_per_s * phase.watch_s * phase.weight / 100 < least:
                said += f". Fewer than success.min_requests ({least}): it would be held"
            found[phase.name] = said
    return found


def sentence(weight: float, watch_s: float, requests_per_s: float, usual: float, alpha: float = 0.01) -> str:
    """What a phase will get and what that shows, or what to do about it; `weight` in percent."""
    total = requests_per_s * watch_s
    mine = total * weight / 100
    given, base = f"{mine:,.0f} requests", f"{usual * 100:.3g}%"
    if weight >= 100:
        return f"{given}: no control any more, judged against the limits and what was recorded before"
    seen = smallest_visible(total, weight / 100, usual, alpha)
    if seen is not None and seen <= COARSE:
        return f"{given}: sees {base} -> {seen:.2%} errors with 95 % power"
    said = "too few to see anything" if seen is None else f"sees only {base} -> {seen:.1%} errors with 95 % power"
    return f"{given}: {said}; {advice(weight, watch_s, requests_per_s, usual, alpha)}"


def advice(weight: float, watch_s: float, requests_per_s: float, usual: float, alpha: float) -> str:
    """The larger share, the longer watch, or the synthetic requests with which the phase would see `COARSE`."""
    for share in (20, 30, 50):
        seen = smallest_visible(requests_per_s * watch_s, share / 100, usual, alpha)
        if share > weight and seen is not None and seen <= COARSE:
            return f"{share} % would see {seen:.2%}"
    for times in (2, 3, 6):
        seen = smallest_visible(requests_per_s * watch_s * times, weight / 100, usual, alpha)
        if seen is not None and seen <= COARSE:
            return f"a watch of {watch_s * times / 60:g} min would see {seen:.2%}"
    return "send synthetic requests to both versions, or rely on the bug's own metric"


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
