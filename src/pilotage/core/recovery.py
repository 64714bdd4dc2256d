"""Are the metrics what they were? After a rollback, and when a follow-up looks again. One look, exact tests. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from pilotage.core.counters import Counts, Delta, Meter, add
from pilotage.core.evidence import binomial_tail, wilson
from pilotage.core.histograms import p95_and_interval
from pilotage.core.model import Baseline, Plan, Reading
from pilotage.core.words import latency

LEVEL = 0.005
"""Of each exact test: the chance to say "not back" of a service that is."""
APART_Z = 2.2

Group = Literal["canary", "control"]


@dataclass(frozen=True)
class Look:
    """`holds` None: nobody can tell. `text` is one line with value, interval, n and what it is compared with."""

    holds: bool | None
    text: str
    sick: bool = False
    """What is there again is the sick state of before: the outage goes on."""


class Window:
    """What both groups did within the last `seconds`, from readings in their order."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._meter = Meter("optional")
        self._deltas: deque[tuple[float, Delta]] = deque()
        self.fault = ""
        """Why the last reading could not be used; empty when it could."""

    def take(self, at: float, reading: Reading) -> None:
        step = self._meter.take(reading)
        self.fault = "" if step is None or isinstance(step, Delta) else str(step)
        if isinstance(step, Delta):
            self._deltas.append((at, step))
        while self._deltas and self._deltas[0][0] <= at - self._seconds:
            self._deltas.popleft()

    def of(self, group: Group) -> Counts:
        whole = Counts()
        for _, delta in self._deltas:
            whole = add(whole, delta.canary if group == "canary" else delta.control)
        return whole


def back(plan: Plan, baseline: Baseline, window: Window) -> Look:
    """Whether the old version serves again as it did before the rollout, and the new one nobody."""
    if window.fault:
        return Look(None, window.fault)
    served, left = window.of("control"), window.of("canary")
    if served.requests < plan.limits.min_requests:
        return Look(None, f"{served.requests:g} requests to {plan.previous}, needs {plan.limits.min_requests}")
    if left.requests > max(1.0, 0.005 * served.requests):
        return Look(False, f"{left.requests:g} requests still reach {plan.version}")
    first = _errors(plan, served, baseline)
    if not first.holds:
        return first
    second = _latency(plan, served, baseline)
    text = f"{first.text}; {second.text}" if second.text else first.text
    if second.holds is False:
        return Look(False, second.text)
    sick = _sick(plan, baseline)
    text += f". That is the sick state of before: {plan.previous} still has the bug" if sick else ""
    return Look(True, text, sick)


def _sick(plan: Plan, baseline: Baseline) -> bool:
    """Whether more failed on the old version, before the rollout, than the plan bears."""
    if not plan.known_bad or baseline.requests <= 0:
        return False
    failed = max(baseline.errors, min(baseline.bug_bad, baseline.requests))
    return failed / baseline.requests > plan.limits.errors_trigger


def no_worse(plan: Plan, baseline: Baseline, window: Window, group: Group) -> Look:
    """Whether whoever serves now is as good as control was before the rollout: delayed effects would show here."""
    served = window.of(group)
    if window.fault or served.requests < plan.limits.min_requests:
        return Look(None, window.fault or _too_few(served.requests, plan.limits.min_requests))
    first, second = _errors(plan, served, baseline), _latency(plan, served, baseline)
    bad = next((one for one in (first, second) if one.holds is False), None)
    return bad or Look(first.holds, f"{first.text}; {second.text}" if second.text else first.text)


def fix_holds(plan: Plan, window: Window, group: Group) -> Look:
    """Whether the bug's own metric is below its target, and errors are below the success criterion."""
    served = window.of(group)
    if window.fault or served.requests < plan.limits.min_requests:
        return Look(None, window.fault or _too_few(served.requests, plan.limits.min_requests))
    parts = [_below("errors", served.errors, served.requests, plan.limits.errors_success)]
    if plan.measures.bug is not None:
        if served.bug_total <= 0:
            return Look(None, f"{plan.measures.bug.name}: none counted")
        parts.append(_below(plan.measures.bug.name, served.bug_bad, served.bug_total, plan.limits.bug_target))
    bad = next((one for one in parts if one.holds is False), None)
    return bad or Look(True, "; ".join(one.text for one in parts))


def _too_few(requests: float, needs: float) -> str:
    return f"{requests:g} requests were seen, needs {needs:g}"


def _below(name: str, bad: float, total: float, limit: float) -> Look:
    shown = binomial_tail(bad, total, limit) < LEVEL
    return Look(not shown, f"{name} {_rate(bad, total)}, {'above' if shown else 'not above'} {limit:.2%}")


def _errors(plan: Plan, served: Counts, baseline: Baseline) -> Look:
    """Conditioned on all errors, those of now are binomial with their share of the requests (Fisher's exact test)."""
    said = f"errors {_rate(served.errors, served.requests)}"
    if baseline.requests <= 0:
        below = _below("errors", served.errors, served.requests, plan.limits.errors_success)
        return Look(below.holds, f"{below.text} (no baseline was recorded)")
    share = served.requests / (served.requests + baseline.requests)
    worse = binomial_tail(served.errors, served.errors + baseline.errors, share) < LEVEL
    before = f"the baseline's {baseline.errors / baseline.requests:.2%}"
    if worse and served.errors >= plan.limits.errors_success * served.requests:
        return Look(False, f"{said} against {before}")
    return Look(True, f"{said}, as {before}")


def _latency(plan: Plan, served: Counts, baseline: Baseline) -> Look:
    now, before = p95_and_interval(served.latency, APART_Z), p95_and_interval(baseline.latency, APART_Z)
    if plan.measures.latency is None:
        return Look(True, "")
    if now is None or before is None:
        return Look(None, "p95 cannot be compared")
    said = f"p95 {latency(now[0])} against {latency(before[0])}"
    return Look(now[1] <= plan.limits.p95_success * before[2], said)


def _rate(bad: float, total: float) -> str:
    low, high = wilson(bad, total)
    return f"{bad / total:.2%} ({low:.2%} to {high:.2%}, n {total:g})"
