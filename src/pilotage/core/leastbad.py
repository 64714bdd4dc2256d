"""Would going back bring the outage back? In a hot-fix the running version is the sick one."""

from __future__ import annotations

from pilotage.core.counters import Counts
from pilotage.core.evidence import wilson
from pilotage.core.model import Plan


def outage_comes_back(plan: Plan, canary: Counts, stable: Counts, concurrent: bool) -> str:
    """A clause that says why everybody would be worse off on the old version; empty when that is not shown.

    Shown is: what surely fails on the old version (Wilson's 95 % interval, its lower end) is above the plan's limit for
    errors, and above all that may fail on the new one (the upper end). A failure of the bug may be counted among the
    errors or not: the larger of both counts is taken for the old version, their sum for the new one.
    """
    limits = plan.limits
    if not plan.known_bad or min(canary.requests, stable.requests) < limits.min_requests:
        return ""
    old = max(stable.errors, min(stable.bug_bad, stable.requests))
    new = min(canary.errors + canary.bug_bad, canary.requests)
    surely, at_most = wilson(old, stable.requests)[0], wilson(new, canary.requests)[1]
    if surely <= max(limits.errors_trigger, at_most):
        return ""
    where = f"{plan.previous} now" if concurrent else f"{plan.previous} before the rollout"
    return (
        f"{old / stable.requests:.1%} of the requests fail on {where}, {new / canary.requests:.1%} on {plan.version}: "
        "going back would bring the outage back"
    )
