"""The criteria, one function each: what it shows, and why, in a sentence with value, interval, n and threshold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pilotage.core.counters import Counts, p95_interval, quantile, slower_than
from pilotage.core.evidence import wilson
from pilotage.core.model import Action, Finding

if TYPE_CHECKING:
    from pilotage.core.judge import Judge

GUARD_NEEDS_RELATIVE = math.log(20)


def volume(judge: Judge, done: bool) -> Finding:
    n, needs = judge.canary.requests, judge.plan.limits.min_requests
    if n >= needs:
        return Finding("volume", Action.PROMOTE, f"{n:g} requests to the canary (needs {needs})", n=n)
    action = Action.HOLD if done else Action.WATCH
    return Finding("volume", action, f"too little traffic to judge: {n:g} requests to the canary, needs {needs}", n=n)


def share(judge: Judge) -> Finding:
    """The traffic must really be where the plan wants it; a few requests or a few points off are no alarm."""
    n = judge.canary.requests + judge.control.requests
    wanted = judge.phase.weight
    if n < 30:
        return Finding("share", Action.WATCH, f"share not yet known: {n:g} requests in all, needs 30", n=n)
    observed = 100 * judge.canary.requests / n
    off = abs(observed - wanted)
    deviation = 100 * math.sqrt(max(wanted / 100 * (1 - wanted / 100), 1 / n) / n)
    sentence = f"{observed:.1f} % of {n:g} requests reach the canary, {wanted:g} % wanted"
    bad = off > judge.plan.limits.share_tolerance and off > 4 * deviation
    return Finding("share", Action.HOLD if bad else Action.PROMOTE, sentence, observed, None, n=n)


def errors(judge: Judge) -> Finding:
    """Errors against concurrent control (JUDGE 1)."""
    canary, control = judge.canary, judge.control
    limit = math.log(1 / judge.plan.limits.alpha)
    if control.requests == 0:
        said = f"errors {_rate(canary)}: no concurrent control, judged by the recorded baseline and the limit"
        return _finding("errors", Action.PROMOTE, said, canary, None)
    if canary.requests == 0:
        return _finding("errors", Action.WATCH, "errors not yet known: no request to the canary", canary, control)
    sentence = (
        f"errors {_rate(canary)} against {_rate(control)} in control: evidence {_e(judge.worse.log_e)}, limit 100"
    )
    if limit != math.log(100):
        sentence = sentence.replace("limit 100", f"limit {1 / judge.plan.limits.alpha:g}")
    action = Action.ROLLBACK if judge.worse.log_e >= limit else Action.PROMOTE
    return _finding("errors", action, sentence, canary, control, judge.worse.log_e, limit)


def errors_limit(judge: Judge, done: bool) -> Finding:
    """The absolute limit (JUDGE 4), the floor at the phase's end, and what to do when going back would not help."""
    limits, canary, control = judge.plan.limits, judge.canary, judge.control
    alarm = math.log(1 / limits.alpha)
    if canary.requests == 0:
        return _finding("errors limit", Action.WATCH, "errors not yet known: no request to the canary", canary, None)
    over = judge.guard.log_e >= alarm
    said = f"errors {_rate(canary)}, limit {limits.errors_trigger:.1%}: evidence {_e(judge.guard.log_e)}"
    if over and control.requests > 0:
        if judge.worse.log_e >= GUARD_NEEDS_RELATIVE:
            return _limit(judge, Action.ROLLBACK, f"{said}, and more than control's {_rate(control)}")
        why = f"{said}; not shown to be more than control's {_rate(control)}, so going back may not help"
        return _limit(judge, Action.HOLD, why)
    if over:
        base = judge.baseline
        before = _rate(Counts(base.requests, base.errors))
        if judge.above_baseline.log_e >= alarm:
            return _limit(judge, Action.ROLLBACK, f"{said}, and more than the baseline's {before}")
        return _limit(judge, Action.HOLD, f"{said}; the baseline had {before}: going back would bring that back")
    rate = canary.errors / canary.requests
    if rate < limits.errors_success:
        return _limit(judge, Action.PROMOTE, f"errors {_rate(canary)}, below {limits.errors_success:.1%}")
    low, _ = wilson(canary.errors, canary.requests)
    if low < limits.errors_success and not judge.plan.known_bad and _not_above_control(judge):
        return _limit(
            judge, Action.PROMOTE, f"errors {_rate(canary)}: not shown to be above control's {_rate(control)}"
        )
    action = Action.HOLD if done else Action.WATCH
    return _limit(judge, action, f"errors {_rate(canary)} are not below {limits.errors_success:.1%}")


def _not_above_control(judge: Judge) -> bool:
    control = judge.control
    return control.requests > 0 and judge.canary.errors / judge.canary.requests <= control.errors / control.requests


def _limit(judge: Judge, action: Action, sentence: str) -> Finding:
    alarm = math.log(1 / judge.plan.limits.alpha)
    return _finding("errors limit", action, sentence, judge.canary, None, judge.guard.log_e, alarm)


def weigh_latency(judge: Judge, canary: Counts) -> None:
    """Counts a tick's canary requests that are slower than `p95_trigger` times the reference's p95."""
    reference = reference_p95(judge)
    if canary.latency is None or reference is None:
        return
    n = math.fsum(canary.latency.counts)
    slow, _ = slower_than(canary.latency, judge.plan.limits.p95_trigger * reference)
    if n > 0:
        judge.slow.add(n, min(slow, n))


def reference_p95(judge: Judge) -> float | None:
    """Control's p95 so far in this phase; without control, the recorded baseline's."""
    concurrent = quantile(judge.control.latency, 0.95)
    return quantile(judge.baseline.latency, 0.95) if concurrent is None else concurrent


def p95(judge: Judge) -> Finding:
    """ROLLBACK: more than 5 % of the canary's requests are slower than twice control's p95 (that is p95 > 2 x), with
    anytime-valid evidence. Met: the lower end of p95's interval is within 10 % of control's."""
    limits = judge.plan.limits
    reference, mine = reference_p95(judge), quantile(judge.canary.latency, 0.95)
    interval = p95_interval(judge.canary.latency)
    if reference is None or mine is None or interval is None:
        return Finding("p95", Action.WATCH, "p95 not yet known: no latency of the canary or nothing to compare it with")
    n = math.fsum(judge.canary.latency.counts) if judge.canary.latency else 0.0
    against = "control" if judge.control.requests else "the baseline"
    said = f"p95 {_ms(mine)} ({_ms(interval[0])} to {_ms(interval[1])}, n {n:g}) against {_ms(reference)} in {against}"
    alarm = math.log(1 / limits.alpha)
    action, tail = Action.PROMOTE, f", within {limits.p95_success - 1:.0%}"
    if judge.slow.log_e >= alarm:
        action = Action.ROLLBACK
        tail = f": more than {limits.p95_trigger:g} x, evidence {_e(judge.slow.log_e)}, limit {1 / limits.alpha:g}"
    elif interval[0] > limits.p95_success * reference:
        action, tail = Action.WATCH, f": not within {limits.p95_success - 1:.0%}"
    elif mine > limits.p95_success * reference:
        tail = f": not shown to be beyond {limits.p95_success - 1:.0%}"
    values = (mine, reference, interval[0], interval[1], n, judge.slow.log_e, alarm)
    return Finding("p95", action, said + tail, *values)


def bug(judge: Judge) -> Finding:
    """Is the bug gone? "Improved" is the ratio test the other way, "fix failed" one-sample against the target."""
    limits, metric = judge.plan.limits, judge.plan.measures.bug
    assert metric is not None
    mine = Counts(judge.canary.bug_total, judge.canary.bug_bad)
    concurrent = judge.control.bug_total > 0
    base = judge.control if concurrent else judge.baseline
    theirs = Counts(base.bug_total, base.bug_bad)
    alarm = math.log(1 / limits.alpha)
    where = "control" if concurrent else "the baseline"
    said = f"{metric.name} {_rate(mine)} against {_rate(theirs)} in {where}"
    if mine.requests == 0:
        return _finding(
            "bug", Action.WATCH, f"{metric.name} not yet known: nothing counted in the canary", mine, theirs
        )
    _, high = wilson(mine.errors, mine.requests)
    before = theirs.errors / theirs.requests if theirs.requests else 0.0
    improved = judge.bug_better.log_e >= alarm if concurrent else high < before
    failed = judge.bug_failed.log_e >= alarm
    evidence = judge.bug_better.log_e if concurrent else None

    def answer(action: Action, why: str, log_e: float | None = evidence) -> Finding:
        return _finding("bug", action, f"{said}: {why}", mine, theirs, log_e, alarm)

    if failed and (improved or high < before):
        return answer(Action.HOLD, f"better, but above its target {limits.bug_target:.1%}")
    if failed:
        why = f"the fix failed, target {limits.bug_target:.1%}, evidence {_e(judge.bug_failed.log_e)}"
        return answer(Action.ROLLBACK, why, judge.bug_failed.log_e)
    if improved:
        return answer(Action.PROMOTE, "improved" + (f", evidence {_e(judge.bug_better.log_e)}" if concurrent else ""))
    if not judge.plan.known_bad and judge.bug_worse.log_e < alarm:
        return answer(Action.PROMOTE, "not worse")
    if not concurrent and before <= limits.bug_target:
        return answer(Action.PROMOTE, "not above its target")
    return answer(Action.WATCH, "not yet shown to be better")


def _finding(
    metric: str,
    action: Action,
    sentence: str,
    mine: Counts,
    theirs: Counts | None,
    evidence: float | None = None,
    threshold: float | None = None,
) -> Finding:
    low, high = wilson(mine.errors, mine.requests)
    canary = mine.errors / mine.requests if mine.requests else None
    control = theirs.errors / theirs.requests if theirs and theirs.requests else None
    return Finding(metric, action, sentence, canary, control, low, high, mine.requests, evidence, threshold)


def _rate(counts: Counts) -> str:
    if counts.requests == 0:
        return "unknown"
    low, high = wilson(counts.errors, counts.requests)
    return f"{counts.errors / counts.requests:.1%} ({low:.1%} to {high:.1%}, n {counts.requests:g})"


def _e(log_e: float) -> str:
    """An e-value a person can read; beyond a million only the power of ten matters."""
    if log_e < math.log(1e6):
        return f"{math.exp(log_e):.3g}"
    return f"10^{log_e / math.log(10):.0f}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
