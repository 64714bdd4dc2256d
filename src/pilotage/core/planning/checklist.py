"""The checklist a plan starts with: what Pilotage looks up by itself, and what a person has to say."""

from __future__ import annotations

from typing import Any

from pilotage.core.brief import Brief
from pilotage.core.model import Severity
from pilotage.core.planning.entries import Row
from pilotage.core.proposals import Repository


_BUILDS = ("github-build", "gitlab-build", "command")


def checklist(brief: Brief, repository: Repository, logs: bool) -> list[Row]:
    """In the order in which they are worked off. A P0 asks people for less: what a machine can see stays required."""
    urgent = brief.severity is not None and brief.severity.value is Severity.P0
    return [
        *_preparation(brief, urgent),
        *_technical(brief, repository, urgent),
        *_team(urgent),
        *_monitoring(urgent, logs),
    ]


def _item(part: str, name: str, text: str, required: bool = True, **check: Any) -> Row:
    row: dict[str, Any] = {"id": name, "part": part, "text": text}
    if not required:
        row["required"] = False
    return Row({**row, **check})


def _preparation(brief: Brief, urgent: bool) -> list[Row]:
    part = "preparation"
    tester = next((one.value.name for one in brief.contacts if one.value.role == "tester"), "")
    by = f"approved by {tester}" if tester else "approved by whoever tested it"
    rows = [
        _item(part, "hotfix-tested", f"The hot-fix is tested, and {by}"),
        _item(part, "way-back-read", "Whoever runs this has read the way back (see Rollback) and can take it alone"),
        _item(part, "dashboards-open", "The dashboards of the service are open and show both versions", not urgent),
        _item(part, "stakeholders-told", "Incident channel, status page and stakeholders know that it starts"),
    ]
    if brief.severity is not None and brief.severity.value is Severity.P2:
        rows.append(_item(part, "window", "The agreed window is open", check="window"))
    rows.append(_item(part, "no-freeze", "No freeze is in force", check="freeze"))
    return rows


def _technical(brief: Brief, repository: Repository, urgent: bool) -> list[Row]:
    part = "technical"
    rows = [_merged(repository), _built(repository)]
    rows.append(
        _item(part, "configuration-reviewed", "Configuration, secrets and flags of the new version are reviewed")
    )
    if brief.migration is not None:
        rows.append(_item(part, "migration-tested", "The migration ran on a copy of the production data"))
        if brief.migration.value.reversible is not True:
            text = "A backup exists and was restored once, as the migration is not known to be undoable"
            rows.append(_item(part, "backup-restored", text))
        else:
            rows.append(
                _item(part, "migration-undone", "Undoing the migration was tried on a copy, with the old version")
            )
    rows.append(
        _item(
            part, "rollback-rehearsed", "The way back was rehearsed (pilotage rehearse)", not urgent, check="rehearsed"
        )
    )
    rows.append(_item(part, "drivers-answer", "All that moves traffic, deploys and measures answers", check="drivers"))
    rows.append(
        _item(part, "lock-free", "No other rollout of this service runs, and nobody has locked it", check="lock")
    )
    return rows


def _merged(repository: Repository) -> Row:
    text = (
        f"The fix is merged to the branch that is deployed ({repository.main})"
        if repository.main
        else ("The fix is merged to the branch that is deployed")
    )
    if repository.is_git and repository.main and repository.commit:
        seen = next((one for one in repository.proposals if one.driver == "git-merged"), None)
        place = {"repository": seen.options["repository"]} if seen and "repository" in seen.options else {}
        where = {**place, "commit": repository.commit, "into": repository.main}
        return _item("technical", "merged", text, check="git-merged", **where)
    return _item("technical", "merged", text)


def _built(repository: Repository) -> Row:
    text = "The build of exactly this commit is green"
    builds = [one for one in repository.proposals if one.port == "checks" and one.driver in _BUILDS]
    if not builds:
        return _item("technical", "build-green", text)
    proposal = max(builds, key=lambda one: one.confidence)
    options = {name: value for name, value in proposal.options.items() if name != "token"}
    row = _item("technical", "build-green", text, check=proposal.driver, **options)
    needs = ["a private repository needs token: {env: NAME}"] if "token" in proposal.options else []
    return Row(row.value, "; ".join([*(str(one) for one in proposal.traces[:2]), *needs]))


def _team(urgent: bool) -> list[Row]:
    part = "team"
    return [
        _item(part, "on-call-named", "Somebody is on call for it, by name", check="on-call"),
        _item(
            part,
            "incident-channel",
            "The incident channel is open, and the people in it know of this rollout",
            not urgent,
        ),
        _item(part, "escalation-named", "Whom to call next is named", False, check="escalation"),
    ]


def _monitoring(urgent: bool, logs: bool) -> list[Row]:
    part = "monitoring"
    rows = [
        _item(part, "metrics-flow", "Requests, errors, latency and the bug's own metric return data", check="metrics"),
        _item(part, "alerts-armed", "The alerts of the service are armed, and reach whoever is on call", not urgent),
    ]
    if logs:
        rows.append(_item(part, "logs-stream", "The logs of both versions can be read", check="logs"))
    else:
        rows.append(
            _item(part, "logs-watched", "Somebody looks at the new version's log, as no log is named here", False)
        )
    return rows
