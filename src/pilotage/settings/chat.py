"""The Slack app: buttons in the channel, for people whom it knows."""

from __future__ import annotations

from pydantic import Field

from pilotage.drivers.secrets import Secret
from pilotage.settings.base import Section


class Slack(Section):
    signing_secret: Secret = Field(description="verifies what comes from Slack")
    token: Secret = Field(description="the bot's token (chat:write)")
    channel: str = Field(min_length=1, description="the channel's id, in which each rollout has one message")
    users: dict[str, str] = Field(default_factory=dict, description="Slack user ids, and the names they have here")
    services: tuple[str, ...] = Field(default=(), description="services that are told there; all when left out")
    api: str = Field(default="https://slack.com/api", pattern=r"^https?://", description="Slack's address")
