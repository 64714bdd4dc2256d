"""The ways back in their order, what is least bad when going back is no way out, and what is done afterwards."""

from __future__ import annotations

from typing import Any

from pilotage.core.brief import Brief
from pilotage.core.model import Severity, Strategy
from pilotage.core.preparing import LeastBad, Method
from pilotage.core.proposals import Repository
from pilotage.core.quantities import written
from pilotage.core.strategies import USUAL_WAY


def ways(strategy: Strategy, repository: Repository) -> dict[str, Any]:
    """The methods that this plan has the means for, in their order, and what reverts the commit."""
    methods: list[Method] = [USUAL_WAY[strategy]]
    if repository.best("deploy") is not None and "redeploy" not in methods:
        methods.append("redeploy")
    if not (repository.is_git and repository.main and repository.commit):
        return {"methods": methods}
    seen = next((one for one in repository.proposals if one.driver == "git-merged"), None)
    place = str(seen.options.get("repository", ".")) if seen else "."
    revert = {"driver": "git-revert", "repository": place, "commits": [repository.commit], "branch": repository.main}
    return {"methods": [*methods, "revert"], "revert": {**revert, "push": "branch"}}


def least_bad(brief: Brief) -> tuple[LeastBad, str]:
    """With its reason. Deciding that beforehand is cheaper than in the outage."""
    if brief.migration is not None and brief.migration.value.reversible is False:
        return "fix-forward", "the migration cannot be undone, so the old version may not work any more"
    if brief.known_bad is not None and not brief.known_bad.value:
        return "hold", "the running version is healthy: this is for the case that both fail"
    return "hold", "the running version has the bug: sending everybody back brings it back"


def follow_ups(brief: Brief, strategy: Strategy, released: bool = False) -> list[dict[str, Any]]:
    """Rows of the plan, the first due first; what a machine can see is looked at by itself.

    `released`: the plan itself frees the old version's servers.
    """
    minute, hour, day = 60.0, 3600.0, 86400.0
    urgent = brief.severity is not None and brief.severity.value in (Severity.P0, Severity.P1)
    rows: list[tuple[float, str, str, dict[str, Any]]] = [
        (0.0, "Tell stakeholders and the status page that it is resolved, or what comes next", "on-call", {}),
        (30 * minute, "Close the incident channel, or say in it what is still open", "on-call", {}),
        (1 * hour, "The fix holds", "on-call", {"when": "promoted", "check": "fix-holds"}),
        (1 * hour, "No delayed effects in errors and latency", "on-call", {"check": "no-delayed-effects"}),
        (1 * hour, "Look at queues, batch jobs, caches and retries", "on-call", {}),
        (
            2 * hour,
            "Read the error logs of the new version once more; compare support tickets with yesterday's",
            "on-call",
            {},
        ),
        (4 * hour, "The fix still holds under the day's load", "on-call", {"when": "promoted", "check": "fix-holds"}),
    ]
    if brief.flag is not None and brief.flag.value.wanted:
        rows.append((7 * day, "Remove the feature flag, or write down why it stays", "owner", {"when": "promoted"}))
    kept = strategy is Strategy.BLUE_GREEN or (strategy is Strategy.CANARY and brief.standby_s is not None)
    if kept and not released:
        standby = brief.standby_s.value if brief.standby_s else hour
        rows.append((standby, "Release the old version's servers", "on-call", {"when": "promoted"}))
    if urgent:
        rows.append((1 * day, "Hold the review (pilotage review has its draft)", "owner", {}))
    rows.append((1 * day, "Open the ticket for the permanent fix, and bring the runbooks up to date", "owner", {}))
    return [
        {"after": written(after) if after else "0s", "text": text, "who": who, **more}
        for after, text, who, more in sorted(rows, key=lambda row: row[0])
    ]
