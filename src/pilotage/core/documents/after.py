"""Messages, follow-ups, and the people."""

from __future__ import annotations

from pilotage.core.documents.facts import Facts
from pilotage.core.markdown import inline, table
from pilotage.core.model import AUDIENCES
from pilotage.core.planning import is_placeholder
from pilotage.core.quantities import duration, seconds

ROLES = {
    "on-call": "on call",
    "tester": "tester",
    "escalation": "called next",
    "owner": "owner",
    "incident-channel": "incident channel",
}


def messages(facts: Facts) -> list[str]:
    """Drafts for those whom no driver tells; the incident channel's are what Pilotage sends by itself."""
    service, new, old = facts.said("service", "the service"), facts.new, facts.old
    what, where = facts.said("summary", "a hot-fix"), facts.said("environment", "production")
    impact = f" ({facts.said('impact')})" if facts.said("impact") else ""
    rows = [
        (
            "start",
            f"{service} {new}: rollout started in {where}. {facts.said('severity')}: {what}{impact}.",
            f"We are bringing out a fix for {service}. Some requests may still fail until it is complete.",
            f"The fix ({what}) is being rolled out step by step. Next word when it is complete, or in an hour.",
        ),
        (
            "phase passed",
            f"{service} {new}: phase passed, going on.",
            "-",
            "-",
        ),
        (
            "complete",
            f"{service} {new}: complete in {where}. Lighter monitoring goes on.",
            f"The fix for {service} is in place. We keep watching.",
            f"{service} {new} is in place for all users. Follow-ups are below.",
        ),
        (
            "rollback",
            f"{service}: rolled back to {old}. All traffic is on {old} again; the reason is in the rollout's record.",
            f"The fix for {service} did not help as expected; we have gone back and are working on the next one.",
            f"{service} {new} was taken back. Users see what they saw before. Next word within 30 minutes.",
        ),
        (
            "delay",
            f"{service} {new}: later than planned. Reason: ...",
            f"The fix for {service} takes longer than expected. We will tell more at ...",
            f"{service} {new} starts later than planned: ... New time: ...",
        ),
    ]
    told = {audience: [] for audience in AUDIENCES}  # type: dict[str, list[str]]
    for row in facts.rows("notify"):
        told.setdefault(str(row.get("audience", "incident")), []).append(str(row.get("driver", "")))
    sent = [f"{audience} ({', '.join(drivers)})" for audience, drivers in told.items() if drivers]
    by_hand = [audience for audience in AUDIENCES[:3] if not told[audience]]
    said = f"Pilotage sends these, in the team's own words where it has templates, to: {inline('; '.join(sent))}."
    said = said if sent else "This plan names no way to send them (`notify`)."
    said += f" By hand, as no channel of the plan is for them: {', '.join(by_hand)}." if by_hand else ""
    columns = ("when", "incident channel", "status page", "stakeholders")
    return ["## Messages", "", said, "", *table(columns, rows), ""]


def follow_ups(facts: Facts) -> list[str]:
    rows = []
    for row in facts.rows("follow_ups"):
        one = Facts(row, facts.file)
        after_s = seconds(row.get("after"))
        when = one.said("after") if after_s is None else "at once" if after_s == 0 else f"after {duration(after_s)}"
        rows.append((when, one.said("text"), one.said("who", "-"), _how(one)))
    if not rows:
        return []
    return ["## Afterwards", "", *table(("when", "what", "who", "how"), rows), ""]


def _how(one: Facts) -> str:
    """Who looks: Pilotage itself, or somebody who is reminded."""
    ending = {"promoted": ", if it is promoted", "rolled-back": ", if it is rolled back"}.get(one.said("when"), "")
    if one.said("check"):
        return f"looked at by itself ({one.said('check')}){ending}"
    return ("a ticket is opened" if one.at("ticket") is True else "reminder") + ending


def contacts(facts: Facts) -> list[str]:
    rows = []
    for row in facts.rows("contacts"):
        one = Facts(row, facts.file)
        name = "(to fill in)" if is_placeholder(row.get("name")) else one.said("name", "-")
        rows.append((ROLES.get(one.said("role"), one.said("role")), name, one.said("reach", "-")))
    if not rows:
        return []
    return ["## Who", "", *table(("", "name", "how to reach"), rows), ""]
