"""The Slack app: buttons in the channel, for people whom it knows."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api
from pilotage.drivers.slack import ChannelId
from pilotage.settings.base import Section

USER = re.compile(r"[UW][A-Z0-9]{2,20}")


class Slack(Section):
    signing_secret: Secret = Field(description="verifies what comes from Slack")
    token: Secret = Field(description="the bot's token (chat:write, and channels:history to find a lost post again)")
    channel: ChannelId = Field(description="the channel's id, such as C024BE91L, in which each rollout has one message")
    users: dict[str, str] = Field(default_factory=dict, description="Slack user ids, and the names they have here")
    services: tuple[str, ...] = Field(default=(), description="services that are told there; all when left out")
    api: Api = Field(default="https://slack.com/api", description="Slack's address")
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each call")

    @field_validator("users")
    @classmethod
    def _are_ids(cls, users: dict[str, str]) -> dict[str, str]:
        if any(not USER.fullmatch(one) for one in users):
            raise ValueError("Slack's ids of people, such as U024BE7LH (in a profile: Copy member ID)")
        if any(not name.strip() for name in users.values()):
            raise ValueError("a name for each id, as under roles:")
        return users
