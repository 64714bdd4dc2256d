"""Evidence that the canary is slower, from histograms (docs/method.md, 3): rescaled latencies or a heavier tail.

For bucket counts c (canary) and k (control) of one tick, with rho the canary's share, q0 what control has shown so
far and q1 an alternative: ``inc = sum_b c_b ln(q1_b/qm_b) + k_b ln(q0_b/qm_b)``, ``qm = rho q1 + (1-rho) q0``.
Whatever the common distribution is, the expectation of exp(inc) is at most 1 (Turner, Ly & Grunwald, arXiv
2106.02693, section 3). With r = q1/q0 this is ``sum_b c_b ln r_b - (c_b + k_b) ln(1 - rho + rho r_b)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import add, mul

from pilotage.core.evidence import Mixture
from pilotage.core.histograms import add_histograms, quantile
from pilotage.core.model import Histogram, Minute

SCALES = (1.2, 1.5, 2.0, 3.0)
TAILS = (0.02, 0.10)
HALF_LIFE_S = 60.0
SEED_MINUTES = 5
REFRESH_S = 120.0
PSEUDO_COUNT = 0.5


class LatencyEvidence(Mixture):
    """`past` seeds the reference; without one the first tick only teaches it."""

    def __init__(self, ticks: int, tick_s: float, past: Iterable[Minute] = ()) -> None:
        super().__init__(len(SCALES) + len(TAILS), ticks)
        self._decay = 0.5 ** (tick_s / HALF_LIFE_S)
        self._refresh_ticks = max(1, round(REFRESH_S / tick_s))
        self._age = 0
        self._reference: Histogram | None = None
        for minute in list(past)[-SEED_MINUTES:]:
            self._reference = add_histograms(self._reference, minute.latency)
        self._ratios: list[list[float]] = []
        self._log_ratios: list[list[float]] = []

    def add(self, canary: Histogram | None, control: Histogram | None, phi: float = 1.0) -> None:
        """One tick's bucket counts of both groups. Nothing is weighed where one group has none."""
        if control is None or canary is None or canary.bounds != control.bounds:
            return
        n_c, n_0 = sum(canary.counts), sum(control.counts)
        if n_c > 0 and n_0 > 0 and self._tables(control.bounds):
            self._weigh(canary.counts, control.counts, n_c / (n_c + n_0), phi)
        self._learn(control)

    def _weigh(self, canary: Sequence[float], control: Sequence[float], rho: float, phi: float) -> None:
        rest, log = 1 - rho, math.log
        filled = [(b, both) for b, both in enumerate(map(add, canary, control)) if both]
        self.advance(
            [
                (sum(map(mul, canary, logs)) - sum([both * log(rest + rho * ratios[b]) for b, both in filled])) / phi
                for ratios, logs in zip(self._ratios, self._log_ratios, strict=True)
            ]
        )

    def _tables(self, bounds: tuple[float, ...]) -> bool:
        """The ratios q1/q0 by alternative and bucket; anew every two minutes. False: control is not known."""
        known = self._reference
        if known is None or known.bounds != bounds:
            self._reference, self._ratios = None, []
            return False
        if not self._ratios or self._age >= self._refresh_ticks:
            self._ratios = [
                [new / old for new, old in zip(shape, _usual(known), strict=True)] for shape in alternatives(known)
            ]
            self._log_ratios = [[math.log(ratio) for ratio in row] for row in self._ratios]
            self._age = 0
        self._age += 1
        return True

    def _learn(self, control: Histogram) -> None:
        known = self._reference
        if known is None:
            self._reference = control if sum(control.counts) > 0 else None
            return
        decay = self._decay
        counts = [decay * old + new for old, new in zip(known.counts, control.counts, strict=True)]
        self._reference = Histogram(known.bounds, tuple(counts))


def _usual(known: Histogram) -> list[float]:
    """Shares by bucket, each a little above 0."""
    total = sum(known.counts) + PSEUDO_COUNT * len(known.counts)
    return [(count + PSEUDO_COUNT) / total for count in known.counts]


def alternatives(known: Histogram) -> list[list[float]]:
    """What a slower canary's shares by bucket would be: every latency times 1.2, 1.5, 2, 3; 2 % or 10 % of the
    requests moved into the buckets above p95."""
    usual = _usual(known)
    shapes = [_rescaled(known.bounds, usual, scale) for scale in SCALES]
    p95 = quantile(known, 0.95) or 0.0
    holds_p95 = next((place for place, bound in enumerate(known.bounds) if bound > p95), len(usual) - 1)
    far = range(min(holds_p95 + 1, len(usual) - 1), len(usual))
    for mass in TAILS:
        shapes.append(
            [(1 - mass) * share + (mass / len(far) if place in far else 0.0) for place, share in enumerate(usual)]
        )
    return shapes


def _rescaled(bounds: Sequence[float], shares: Sequence[float], scale: float) -> list[float]:
    """Shares by bucket of latencies times `scale`; within a bucket latencies are taken as even."""
    edges = [0.0, *bounds]
    below = [0.0]
    for share in shares:
        below.append(below[-1] + share)
    new, last, place = [], 0.0, 0
    for bound in bounds:
        if math.isinf(bound):
            reached = 1.0
        else:
            wanted = bound / scale
            while place + 1 < len(edges) - 1 and edges[place + 1] <= wanted:
                place += 1
            width = edges[place + 1] - edges[place]
            inside = (wanted - edges[place]) / width if 0 < width < math.inf else 0.0
            reached = below[place] + (below[place + 1] - below[place]) * inside
        new.append(max(reached - last, 1e-9))
        last = reached
    return new
