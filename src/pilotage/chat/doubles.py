"""A plan whose own `notify:` names the app's channel: its people are told by the app, and not twice."""

from __future__ import annotations

from pilotage.core.model import Channel, Plan
from pilotage.settings.chat import Slack


def told_by_app(settings: Slack, plan: Plan, channel: Channel) -> bool:
    """Whether the app tells this channel's people what it would get. What is for outsiders has other words, and goes
    out as the plan says."""
    if channel.ref.driver != "slack" or channel.audience != "incident":
        return False
    if settings.services and plan.service not in settings.services:
        return False
    api = str(channel.ref.options.get("api") or "https://slack.com/api").rstrip("/")
    return (channel.ref.options.get("channel"), api) == (settings.channel, settings.api.rstrip("/"))
