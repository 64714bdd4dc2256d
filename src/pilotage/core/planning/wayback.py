"""The ways back in their order, what is least bad when going back is no way out, and what is done afterwards."""

from __future__ import annotations

from pilotage.core.brief import Brief
from pilotage.core.model import Severity, Strategy
from pilotage.core.preparing import LeastBad, Method


def methods(strategy: Strategy) -> tuple[Method, ...]:
    first: Method = "switch" if strategy is Strategy.BLUE_GREEN else "traffic"
    return (first, "redeploy", "revert")


def least_bad(brief: Brief) -> tuple[LeastBad, str]:
    """With its reason. Deciding that beforehand is cheaper than in the outage."""
    if brief.migration is not None and brief.migration.value.reversible is False:
        return "fix-forward", "the migration cannot be undone, so the old version may not work any more"
    if brief.known_bad is not None and not brief.known_bad.value:
        return "hold", "the running version is healthy: this is for the case that both fail"
    return "hold", "the running version has the bug: sending everybody back brings it back"


def follow_ups(brief: Brief, strategy: Strategy) -> list[tuple[float, str, str]]:
    """(seconds after the end, what, who)."""
    minute, hour, day = 60.0, 3600.0, 86400.0
    urgent = brief.severity is not None and brief.severity.value in (Severity.P0, Severity.P1)
    rows = [
        (0.0, "Tell stakeholders and the status page that it is resolved, or what comes next", "on-call"),
        (30 * minute, "Close the incident channel, or say in it what is still open", "on-call"),
        (1 * hour, "Look for delayed effects: queues, batch jobs, caches, retries", "on-call"),
        (
            2 * hour,
            "Read the error logs of the new version once more; compare support tickets with yesterday's",
            "on-call",
        ),
        (4 * hour, "See that the fix holds under the day's load", "on-call"),
    ]
    if brief.flag is not None and brief.flag.value.wanted:
        rows.append((7 * day, "Remove the feature flag, or write down why it stays", "owner"))
    if strategy is Strategy.BLUE_GREEN or brief.standby_s is not None:
        rows.append(
            (brief.standby_s.value if brief.standby_s else hour, "Release the old version's servers", "on-call")
        )
    if urgent:
        rows.append((1 * day, "Hold the review: timeline, causes, what worked, what is still open", "owner"))
    rows.append((1 * day, "Open the ticket for the permanent fix, and bring the runbooks up to date", "owner"))
    return sorted(rows, key=lambda row: row[0])
