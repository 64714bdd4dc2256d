"""A team whose Slack app is set up: who is who there, and the settings that say so."""

from __future__ import annotations

from typing import Any

from tests.chat.contract import CHANNEL, Workspace

ANN, BOB, VIC, TESTER, STRANGER = "U0ANN00", "U0BOB00", "U0VIC00", "U0TESTER", "U0STRANGER"
"""Operator, approver, viewer, whoever starts the rollouts (an approver), and somebody who is not known."""
USERS = {ANN: "ann", BOB: "bob", VIC: "vic", TESTER: "tester"}
ROLES = [
    {"who": ["ann"], "role": "operator"},
    {"who": ["bob", "tester"], "role": "approver"},
    {"who": ["vic"], "role": "viewer"},
]
SECRETS = {"token": {"env": "TEAM_SLACK_TOKEN"}, "signing_secret": {"env": "TEAM_SLACK_SIGNING"}}


def settings(workspace: Workspace, **slack: Any) -> dict[str, Any]:
    app = {**SECRETS, "channel": CHANNEL, "users": USERS, "api": workspace.url, **slack}
    return {"url": "https://pilotage.shop.example", "roles": ROLES, "slack": app}


def environment(workspace: Workspace) -> dict[str, str]:
    return {"TEAM_SLACK_TOKEN": workspace.token, "TEAM_SLACK_SIGNING": workspace.signing}
