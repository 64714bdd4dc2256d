"""Errors that come in bursts: count the instances that had any, instead of dividing the evidence by the noise.

One failing dependency or one retrying client makes many errors in one instance within seconds. Dividing by phi' is
safe and slow. An instance's tick with any error counts once here, so a burst weighs as one incident, and incidents are
compared between the canary's instances and control's. With hit probabilities p and m = 1 - rho + rho theta the
expectation of a tick's factor is at most exp(P_c (theta/m - 1) + P_0 (1/m - 1)), which is at most 1 as long as the
canary's share of the expected hits P_c/(P_c + P_0) is at most rho. Hit probabilities are concave in the requests of an
instance, so that share lies between its share of the requests and its share of the instances: rho is the larger one.
"""

from __future__ import annotations

import math

from pilotage.core.counters import Counts
from pilotage.core.evidence import RatioEvidence

RATIOS = (2.0, 3.0, 5.0, 10.0)
"""An instance has an incident or has none: more than ten times as many are rarely to be seen."""
WEIGHT = 0.8
"""Of the instances' evidence in the mixture of both, where control's past shows bursts; both are e-processes."""


class ErrorsEvidence:
    """Evidence that the canary has more errors than control. `bursts`: control's past shows them, by instance."""

    def __init__(self, ticks: int, bursts: bool) -> None:
        self._requests = RatioEvidence(ticks)
        self._instances = RatioEvidence(ticks, RATIOS) if bursts else None

    @property
    def log_e(self) -> float:
        if self._instances is None:
            return self._requests.log_e
        mine, other = math.log(WEIGHT) + self._instances.log_e, math.log(1 - WEIGHT) + self._requests.log_e
        top = max(mine, other)
        return top + math.log(math.exp(mine - top) + math.exp(other - top)) if top > -math.inf else top

    def add(self, canary: Counts, control: Counts, phi: float) -> None:
        """One tick of both groups; `phi` divides the evidence of the requests (see dispersion.py)."""
        self._requests.add(canary.requests, canary.errors, control.requests, control.errors, phi)
        if self._instances is None:
            return
        mine, theirs = _instances(canary), _instances(control)
        share = max(
            _share(sum(n for n, _ in mine), sum(n for n, _ in theirs)),
            _share(len(mine), len(theirs)),
        )
        self._instances.add(share, sum(hit for _, hit in mine), 1 - share, sum(hit for _, hit in theirs))


def _instances(group: Counts) -> list[tuple[float, int]]:
    """(requests, 1 when there was any error) of each instance that served."""
    cells = group.cells or (("", group.requests, group.errors),)
    return [(n, 1 if e > 0 else 0) for _, n, e in cells if n > 0]


def _share(mine: float, theirs: float) -> float:
    return mine / (mine + theirs) if mine + theirs > 0 else 0.0
