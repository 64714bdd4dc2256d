"""How many requests a rollout harmed or spared: what the canary did against what control's rate would have given.

Both groups are compared within a phase only, where they served at the same time. How many of the canary's n requests
would have failed on control is predicted from control's x of m, by Chernoff's bound (Hoeffding 1963, theorem 1):
P(X >= k) <= exp(-m KL(k/m, p)), and the same below. Control's true rate is some p with m KL(x/m, p) <= c, and the
canary's failures at that rate are some y with n KL(y/n, p) <= c. With c = ln(4 k / ALPHA) for two bounds, two sides and
k phases the interval holds with at least 1 - ALPHA; it is wider than an exact one. Where control varies more than
independent requests would, c is multiplied by the judge's factor (dispersion.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pilotage.core.counters import Counts, Delta
from pilotage.core.dispersion import inflated, phi_of_errors
from pilotage.core.model import Plan, Sample
from pilotage.core.tally import Tally, baseline_of, tally

ALPHA = 0.05
"""The interval holds with at least 1 - ALPHA."""


@dataclass(frozen=True)
class Group:
    """Requests, and how many of them failed."""

    requests: float
    failed: float


@dataclass(frozen=True)
class Estimate:
    """Requests: `likely`, and from `low` to `high`; `usual` would have failed on control. All are at least 0."""

    canary: Group
    usual: float
    likely: float
    low: float
    high: float


@dataclass(frozen=True)
class Impact:
    """None: it cannot be told, `unknown` says why. `alone`: what the canary did without control beside it; not counted.

    `spared` is None, too, where nothing known was wrong with the old version; `by` names what it counts.
    """

    harmed: Estimate | None = None
    spared: Estimate | None = None
    alone: Group = Group(0.0, 0.0)
    unknown: str = ""
    spared_unknown: str = ""
    by: str = ""


def impact(plan: Plan, samples: Sequence[Sample]) -> Impact:
    counted = tally(samples)
    judged = [index for index, phase in enumerate(plan.phases) if phase.judged]
    phases = [counted.of([index]) for index in judged]
    baseline = baseline_of(samples)
    factor = inflated(phi_of_errors(minute.cells for minute in baseline.minutes))
    beside = [one for one in phases if one.canary.requests > 0 and one.control.requests > 0]
    alone = _alone(phases)
    if not beside:
        why = _why_unknown(counted, samples, alone)
        return Impact(alone=alone, unknown=why, spared_unknown=why if plan.known_bad else "")
    harmed = excess([(_errors(one.canary), _errors(one.control)) for one in beside], factor)
    if not plan.known_bad:
        return Impact(harmed, alone=alone)
    bug = plan.measures.bug
    counted_by = _bug if bug else _errors
    pairs = [(counted_by(one.canary), counted_by(one.control)) for one in beside]
    pairs = [(mine, theirs) for mine, theirs in pairs if mine.requests > 0 and theirs.requests > 0]
    name = bug.name if bug else plan.measures.errors.name
    if not pairs:
        return Impact(harmed, alone=alone, spared_unknown=f"{name} was not counted in both versions", by=name)
    return Impact(harmed, shortfall(pairs, factor), alone, by=name)


def _alone(phases: Iterable[Delta]) -> Group:
    without = [one.canary for one in phases if one.canary.requests > 0 and one.control.requests <= 0]
    return Group(sum(one.requests for one in without), sum(one.errors for one in without))


def _why_unknown(counted: Tally, samples: Sequence[Sample], alone: Group) -> str:
    faults = [one.reading.fault for one in samples if one.reading.fault and one.tick >= 0]
    if alone.requests > 0:
        return "control had no traffic beside the canary"
    if any(one.control.requests > 0 for one in counted.phases.values()):
        return "no request to the canary was counted"
    return f"no requests were counted ({faults[-1]})" if faults else "no requests were counted"


def _errors(counts: Counts) -> Group:
    return Group(counts.requests, counts.errors)


def _bug(counts: Counts) -> Group:
    return Group(counts.bug_total, counts.bug_bad)


# ------------------------------------------------------------------ the estimate


def excess(pairs: Sequence[tuple[Group, Group]], factor: float = 1.0) -> Estimate:
    """The (canary, control) pairs' canary failures beyond control's rate: at most those that failed."""
    mine, usual, low, high = _predicted(pairs, factor)
    return Estimate(mine, usual, *(_between(mine.failed - one, mine.failed) for one in (usual, high, low)))


def shortfall(pairs: Sequence[tuple[Group, Group]], factor: float = 1.0) -> Estimate:
    """What did not fail and would have on control: at most those that did not fail."""
    mine, usual, low, high = _predicted(pairs, factor)
    most = mine.requests - mine.failed
    return Estimate(mine, usual, *(_between(one - mine.failed, most) for one in (usual, low, high)))


def _between(value: float, most: float) -> float:
    return min(max(0.0, value), max(0.0, most))


def _predicted(pairs: Sequence[tuple[Group, Group]], factor: float) -> tuple[Group, float, float, float]:
    """The canary's sum, and how many of its requests would have failed on control: likely, at least, at most."""
    bound = math.log(4 * len(pairs) / ALPHA) * factor
    usual = low = high = 0.0
    for mine, theirs in pairs:
        rate = theirs.failed / theirs.requests
        usual += mine.requests * rate
        high += mine.requests * _most(mine.requests, theirs.requests, rate, bound)
        low += mine.requests * (1 - _most(mine.requests, theirs.requests, 1 - rate, bound))
    whole = Group(sum(mine.requests for mine, _ in pairs), sum(mine.failed for mine, _ in pairs))
    return whole, usual, low, high


def _most(n: float, m: float, rate: float, bound: float) -> float:
    """The largest share of the canary's n that is still compatible with control's `rate` over m."""
    true = _farthest(rate, lambda one: m * _divergence(rate, one) <= bound)
    return _farthest(true, lambda one: n * _divergence(one, true) <= bound)


def _farthest(start: float, holds: Callable[[float], bool]) -> float:
    """From `start` towards 1, as far as it holds; rounded outwards."""
    near, far = start, 1.0
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if holds(middle) else (near, middle)
    return far


def _divergence(p: float, q: float) -> float:
    """Kullback and Leibler's, of two chances, in nats."""
    first = 0.0 if p <= 0 else math.inf if q <= 0 else p * math.log(p / q)
    second = 0.0 if p >= 1 else math.inf if q >= 1 else (1 - p) * math.log((1 - p) / (1 - q))
    return first + second


# ------------------------------------------------------------------ in words


def harmed_sentence(plan: Plan, one: Impact) -> str:
    if one.harmed is None:
        return f"cannot be told: {one.unknown}{_beside(one.alone)}"
    found, much = one.harmed, one.harmed.canary
    said = f"{much.failed:,.0f} of {much.requests:,.0f} requests to {plan.version} failed, "
    said += f"at control's rate about {found.usual:,.0f} would have: "
    return said + _more(found, "harmed") + _beside(one.alone)


def spared_sentence(plan: Plan, one: Impact) -> str:
    """Empty where nothing known was wrong with the old version."""
    if one.spared_unknown:
        return f"cannot be told: {one.spared_unknown}"
    if one.spared is None:
        return ""
    found, much = one.spared, one.spared.canary
    said = f"by {one.by}, {much.failed:,.0f} of {much.requests:,.0f} failed on {plan.version}, "
    return said + f"on {plan.previous} about {found.usual:,.0f} would have: " + _more(found, "spared")


def _more(found: Estimate, word: str) -> str:
    interval = f"{math.floor(found.low):,} to {math.ceil(found.high):,}, at least {1 - ALPHA:.0%} sure"
    if round(found.likely) == 0:
        return f"none {word} as far as can be told (at most {math.ceil(found.high):,}, at least {1 - ALPHA:.0%} sure)"
    chance = "; that may be chance" if found.low <= 0 else ""
    return f"about {found.likely:,.0f} {word} ({interval}{chance})"


def _beside(alone: Group) -> str:
    if alone.requests <= 0:
        return ""
    return f"; not counted: {alone.failed:,.0f} of {alone.requests:,.0f} that failed with no control beside the canary"
