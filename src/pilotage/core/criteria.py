"""The criteria, one function each: what it shows, and why, in a sentence with value, interval, n and threshold."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from pilotage.core import policy
from pilotage.core.counters import Counts
from pilotage.core.evidence import binomial_tail, wilson
from pilotage.core.histograms import p95_and_interval, quantile
from pilotage.core.model import Action, Finding
from pilotage.core.words import e_value, latency

if TYPE_CHECKING:
    from pilotage.core.judge import Judge

GUARD_NEEDS_RELATIVE = math.log(20)
EARLY_NEEDS = math.log(20)
ONE_LOOK = 0.005
"""Level of the exact tests at the end of a watch, which look once."""
NO_CHANCE = 1e-5
"""Level of the test of the share, which looks at every tick."""
APART_Z = 2.2
"""Two p95 whose intervals of this width do not meet differ at about the same level."""
BASELINE_RATIO = 2.0
"""Without concurrent control: how many times the baseline's errors are no alarm yet, as times differ."""


def volume(judge: Judge, done: bool) -> Finding:
    n, needs = judge.canary.requests, judge.plan.limits.min_requests
    if n >= needs:
        return Finding("volume", Action.PROMOTE, f"{n:g} requests to the canary (needs {needs})", n=n)
    sentence = f"too little traffic to judge: {n:g} requests to the canary, needs {needs}"
    if done:
        return _alarm(judge, "volume", "traffic-low", sentence, n=n)
    return Finding("volume", Action.WATCH, sentence, n=n)


def share(judge: Judge) -> Finding:
    """The traffic must really be where the plan wants it; a few requests or a few points off are no alarm."""
    canary, n, wanted = judge.recent_canary, judge.recent_requests, judge.phase.weight
    if n < 30:
        return Finding("share", Action.WATCH, f"share not yet known: {n:g} requests in all, needs 30", n=n)
    observed = 100 * canary / n
    if not judge.phase.share_known:
        said = f"{observed:.1f} % of the last {n:g} requests reach the canary; the plan expects no share of them all"
        return Finding("share", Action.PROMOTE, said, observed, n=n)
    sentence = f"{observed:.1f} % of the last {n:g} requests reach the canary, {wanted:g} % wanted"
    if abs(observed - wanted) > judge.plan.limits.share_tolerance:
        more, fraction = observed > wanted, wanted / 100
        chance = binomial_tail(canary if more else n - canary, n, fraction if more else 1 - fraction)
        if chance < NO_CHANCE:
            return _alarm(judge, "share", "traffic-share", sentence, observed, n=n)
    return Finding("share", Action.PROMOTE, sentence, observed, n=n)


# ------------------------------------------------------------------ errors


def errors(judge: Judge) -> Finding:
    """Errors against concurrent control (docs/method.md, 1)."""
    canary, control, limits = judge.canary, judge.control, judge.plan.limits
    if judge.alone:
        said = f"errors {_rate(canary)}: no concurrent control, judged by the recorded baseline and the limit"
        return _finding("errors", Action.PROMOTE, said, canary, None)
    if canary.requests == 0 or control.requests == 0:
        silent = "the canary" if canary.requests == 0 else "control"
        return _finding("errors", Action.WATCH, f"errors not yet known: no request to {silent}", canary, control)
    log_e, alarm = judge.worse.log_e, judge.alarm
    noise = _noise(judge.dispersion.errors, judge.dispersion.bursts)
    said = (
        f"errors {_rate(canary)} against {_rate(control)} in control: "
        f"evidence {e_value(log_e)}, limit {1 / limits.alpha:g}{noise}"
    )
    if log_e >= alarm:
        return _finding("errors", None, said, canary, control, log_e, alarm, "errors-worse", judge)
    return _finding("errors", Action.PROMOTE, said, canary, control, log_e, alarm)


def errors_limit(judge: Judge, done: bool) -> Finding:
    """The absolute limit (docs/method.md, 4), the floor at the phase's end, and what if going back would not help."""
    limits, canary, control, base = judge.plan.limits, judge.canary, judge.control, judge.baseline
    log_e, alarm = judge.guard.log_e, judge.alarm

    def found(action: Action | None, said: str, shows: str = "") -> Finding:
        return _finding("errors limit", action, said, canary, None, log_e, alarm, shows, judge)

    if canary.requests == 0:
        return found(Action.WATCH, "errors not yet known: no request to the canary")
    rate = _rate(canary)
    if log_e >= alarm:
        said = f"errors {rate}, limit {limits.errors_trigger:.1%}: evidence {e_value(log_e)}"
        before = _rate(Counts(base.requests, base.errors) if judge.alone else control)
        if judge.alone and judge.above_baseline.log_e >= alarm:
            return found(None, f"{said}, and more than the baseline's {before}", "errors-over-limit")
        if not judge.alone and judge.worse.log_e >= GUARD_NEEDS_RELATIVE:
            return found(None, f"{said}, and more than control's {before}", "errors-over-limit")
        why = (
            f"the baseline had {before}: going back would bring that back"
            if judge.alone
            else f"not shown to be more than control's {before}, so going back may not help"
        )
        if judge.recent_errors > limits.errors_trigger * judge.recent_canary:
            return found(None, f"{said}; {why}", "errors-shared")
        if not done:
            return found(Action.PROMOTE, f"{said}; {why}; below the limit again in the last ticks")
    phi, floor = judge.dispersion.errors, limits.errors_success
    if judge.alone and base.requests == 0:
        return found(Action.WATCH, f"errors {rate}: no concurrent control and no recorded baseline to compare with")
    if canary.errors < floor * canary.requests:
        if done and judge.alone and not judge.plan.known_bad and _above_baseline(judge, phi):
            before = _rate(Counts(base.requests, base.errors))
            said = f"errors {rate}, more than {BASELINE_RATIO:g} x the baseline's {before}"
            return found(None, said, "errors-unsettled")
        return found(Action.PROMOTE, f"errors {rate}, below {floor:.1%}")
    if not done:
        return found(Action.PROMOTE, f"errors {rate}, to be below {floor:.1%} at the end")
    if not judge.plan.known_bad and not judge.alone and not _above_control(judge, phi):
        return found(Action.PROMOTE, f"errors {rate}: not shown to be above control's {_rate(control)}")
    if binomial_tail(canary.errors / phi, canary.requests / phi, floor) >= ONE_LOOK:
        return found(Action.PROMOTE, f"errors {rate}: not shown to be above {floor:.1%}")
    return found(None, f"errors {rate} are above {floor:.1%}", "errors-unsettled")


def _above_control(judge: Judge, phi: float) -> bool:
    """Conditioned on all errors, the canary's are binomial with its share of the requests (Fisher's exact test)."""
    mine, theirs = judge.canary, judge.control
    if theirs.requests == 0:
        return True
    share = mine.requests / (mine.requests + theirs.requests)
    return binomial_tail(mine.errors / phi, (mine.errors + theirs.errors) / phi, share) < ONE_LOOK


def _above_baseline(judge: Judge, phi: float) -> bool:
    mine, base = judge.canary, judge.baseline
    weighted = mine.requests * BASELINE_RATIO
    share = weighted / (weighted + base.requests)
    return binomial_tail(mine.errors / phi, (mine.errors + base.errors) / phi, share) < ONE_LOOK


# ------------------------------------------------------------------ latency


def p95(judge: Judge, done: bool) -> Finding:
    """Slower: the histogram evidence (docs/method.md, 3), gated by the cumulative p95; without concurrent control more
    than 5 % of requests beyond the trigger times the baseline's p95. At the end p95 must not be shown to be worse."""
    limits, alone = judge.plan.limits, judge.alone
    theirs = judge.baseline.latency if alone else judge.control.latency
    reference, measured = quantile(theirs, 0.95), p95_and_interval(judge.canary.latency)
    if reference is None or measured is None:
        missing = (
            "no latency of the canary"
            if measured is None
            else f"no latency of {'the baseline' if alone else 'control'}"
        )
        return Finding("p95", Action.WATCH, f"p95 not yet known: {missing}")
    mine, low, high = measured
    n = sum(judge.canary.latency.counts) if judge.canary.latency else 0.0
    log_e, alarm = (judge.slow if alone else judge.slower).log_e, judge.alarm
    against = "the baseline (no concurrent control)" if alone else "control"
    said = f"p95 {latency(mine)} ({latency(low)} to {latency(high)}, n {n:g}) against {latency(reference)} in {against}"
    weighed = f"evidence {e_value(log_e)}, limit {1 / limits.alpha:g}{_noise(judge.dispersion.latency)}"
    values = (mine, reference, low, high, n, log_e, alarm)
    if log_e >= alarm:
        if alone or mine >= limits.p95_trigger * reference:
            return _alarm(judge, "p95", "latency-worse", f"{said}: beyond {limits.p95_trigger:g} x, {weighed}", *values)
        why = f"slower, but p95 is not beyond {limits.p95_trigger:g} x, {weighed}"
        return _alarm(judge, "p95", "latency-changed", f"{said}: {why}", *values)
    allowed = limits.p95_success
    if mine <= allowed * reference:
        return Finding("p95", Action.PROMOTE, f"{said}, within {allowed - 1:.0%}: {weighed}", *values)
    if not done:
        return Finding("p95", Action.PROMOTE, f"{said}, to be within {allowed - 1:.0%} at the end: {weighed}", *values)
    least, most = p95_and_interval(judge.canary.latency, APART_Z), p95_and_interval(theirs, APART_Z)
    if least is not None and most is not None and least[1] > allowed * most[2]:
        return _alarm(judge, "p95", "latency-unsettled", f"{said}: not within {allowed - 1:.0%}", *values)
    return Finding("p95", Action.PROMOTE, f"{said}: not shown to be beyond {allowed - 1:.0%}", *values)


# ------------------------------------------------------------------ the bug's own metric


def bug(judge: Judge, done: bool) -> Finding:
    """Is the bug gone? "Improved" is the ratio test the other way, "fix failed" one-sample against the target."""
    limits, metric, alarm = judge.plan.limits, judge.plan.measures.bug, judge.alarm
    assert metric is not None
    mine = Counts(judge.canary.bug_total, judge.canary.bug_bad)
    base = judge.baseline if judge.alone else judge.control
    theirs = Counts(base.bug_total, base.bug_bad)
    said = f"{metric.name} {_rate(mine)} against {_rate(theirs)} in {'the baseline' if judge.alone else 'control'}"

    def found(action: Action | None, why: str, log_e: float, shows: str = "") -> Finding:
        return _finding("bug", action, f"{said}: {why}", mine, theirs, log_e, alarm, shows, judge)

    if mine.requests == 0:
        return _finding("bug", Action.WATCH, f"{metric.name} not yet known: none counted in the canary", mine, theirs)
    if theirs.requests == 0:
        where = "recorded in the baseline" if judge.alone else "counted in control"
        return _finding("bug", Action.WATCH, f"{metric.name} {_rate(mine)}: none {where} to compare with", mine, theirs)
    better, failed = judge.bug_better.log_e, judge.bug_failed.log_e
    before = theirs.errors / theirs.requests
    looks_better = wilson(mine.errors, mine.requests)[1] < before
    improved = looks_better if judge.alone else better >= alarm
    target = f"target {limits.bug_target:.1%}"
    if failed >= alarm:
        if improved or looks_better:
            return found(None, f"better, but above its {target}, evidence {e_value(failed)}", failed, "bug-half-fixed")
        if judge.plan.known_bad:
            why = f"the fix failed, {target}, evidence {e_value(failed)}, limit {1 / limits.alpha:g}"
            return found(None, why, failed, "bug-not-fixed")
    if improved:
        return found(Action.PROMOTE, "improved" + ("" if judge.alone else f", evidence {e_value(better)}"), better)
    if not judge.plan.known_bad:
        worse = judge.bug_worse.log_e
        if worse >= alarm:
            why = f"worse, evidence {e_value(worse)}, limit {1 / limits.alpha:g}"
            return found(None, why, worse, "bug-worse")
        return found(Action.PROMOTE, f"not shown to be worse, evidence {e_value(worse)}", worse)
    if judge.alone and before <= limits.bug_target:
        return found(Action.PROMOTE, f"not shown to be above its {target}, evidence {e_value(failed)}", failed)
    why = f"not yet shown to be better, evidence {e_value(better)}, needs {1 / limits.alpha:g}"
    return found(None, why, better, "bug-unsettled") if done else found(Action.WATCH, why, better)


# ------------------------------------------------------------------ building findings


def _alarm(
    judge: Judge,
    metric: str,
    shows: str,
    sentence: str,
    canary: float | None = None,
    control: float | None = None,
    low: float | None = None,
    high: float | None = None,
    n: float = 0.0,
    evidence: float | None = None,
    threshold: float | None = None,
) -> Finding:
    action = policy.action(judge.plan, shows)
    return Finding(metric, action, sentence, canary, control, low, high, n, evidence, threshold, shows)


def _finding(
    metric: str,
    action: Action | None,
    sentence: str,
    mine: Counts,
    theirs: Counts | None,
    evidence: float | None = None,
    threshold: float | None = None,
    shows: str = "",
    judge: Judge | None = None,
) -> Finding:
    """`action` None: what the table says about `shows`."""
    low, high = wilson(mine.errors, mine.requests)
    canary = mine.errors / mine.requests if mine.requests else None
    control = theirs.errors / theirs.requests if theirs and theirs.requests else None
    if action is None:
        assert judge is not None
        action = policy.action(judge.plan, shows)
    return Finding(metric, action, sentence, canary, control, low, high, mine.requests, evidence, threshold, shows)


def _rate(counts: Counts) -> str:
    return _rate_of(counts.errors, counts.requests)


@lru_cache(maxsize=256)
def _rate_of(e: float, n: float) -> str:
    if n == 0:
        return "unknown"
    low, high = wilson(e, n)
    if high >= 0.02:
        return f"{e / n:.1%} ({low:.1%} to {high:.1%}, n {n:g})"
    return f"{e / n:.2%} ({low:.2%} to {high:.2%}, n {n:g})"


def _noise(phi: float, bursts: bool = False) -> str:
    """Said only when control is noisier than independent requests are: then the evidence is divided by it."""
    if phi <= 1:
        return ""
    return " (errors come in bursts: " + ("incidents by instance count" if bursts else f"divided by {phi:.2g}") + ")"
