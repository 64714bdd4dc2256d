"""Announcements in Slack: one post for each rollout, which shows its present state, and every message in its thread.

The Web API (docs.slack.dev/reference/methods): chat.postMessage, chat.update, conversations.history and .replies.
Each message carries its id as metadata, by which it is found again when the answer to a post got lost.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, Field

from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.answers import Answer, one_line
from pilotage.drivers.messages import headline, key
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api
from pilotage.drivers.slack import (
    CHANNEL,
    MOST_TEXT,
    MOST_TITLE,
    PLAIN,
    QUIET,
    CannotEdit,
    ChannelId,
    MissingScope,
    SlackApi,
    escaped,
    refusal,
)

_POST = re.compile(rf"({CHANNEL.pattern}):([0-9]{{1,12}}\.[0-9]{{1,6}})")
_EVENT = "pilotage_message"


class SlackNotifier:
    class Options(DriverOptions):
        """The app's token needs the scopes chat:write and, to find a message whose answer got lost, channels:history
        (groups:history for private ones)."""

        model_config = ConfigDict(hide_input_in_errors=True)

        token: Secret = Field(description="the app's bot token (xoxb-...)")
        channel: ChannelId = Field(description="the channel's id, such as C024BE91L: names change, ids do not")
        api: Api = Field(default="https://slack.com/api", description="where Slack's Web API is")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each call")

    def __init__(self, options: Options, context: Context) -> None:
        self._channel = options.channel
        self._slack = SlackApi(options.api, options.token, options.timeout_s)

    async def send(self, message: Message) -> str:
        place = _POST.fullmatch(message.thread)
        if place is None or place[1] != self._channel or not await self._edit(message, place[2]):
            return f"{self._channel}:{await self._first(message)}"
        if not (message.attempt and await self._find(message, "conversations.replies", ts=place[2])):
            await self._post(message, thread_ts=place[2])
        return message.thread

    async def probe(self) -> str:
        """Who the token is and whether it sees the channel, as far as its scopes let it ask."""
        who = await self._slack.ask("GET", "auth.test")
        name = self._channel
        try:
            channel = (await self._slack.ask("GET", "conversations.info", params={"channel": self._channel})).get(
                "channel"
            )
        except MissingScope:
            channel = None
        if isinstance(channel, dict):
            name = f"#{one_line(str(channel.get('name') or name), 80)}"
            if channel.get("is_archived") or channel.get("is_member") is False:
                raise refusal("is_archived" if channel.get("is_archived") else "not_in_channel", Answer(200, {}, None))
        line = f"Slack: {one_line(str(who.get('user')), 60)} of {one_line(str(who.get('team')), 60)} posts in {name}"
        try:
            await self._slack.ask("GET", "conversations.history", params={"channel": self._channel, "limit": "1"})
        except MissingScope as error:
            return f"{line}; a message may come twice after a lost answer ({error})"
        return line

    async def close(self) -> None:
        """The connections are the process's."""

    async def _first(self, message: Message) -> str:
        """The post that begins the thread, by its `ts`."""
        found = await self._find(message, "conversations.history") if message.attempt else ""
        return found or await self._post(message)

    async def _post(self, message: Message, **thread: str) -> str:
        told = {"event_type": _EVENT, "event_payload": {"id": key(message), "rollout": message.rollout}}
        return await self._slack.post(
            {"channel": self._channel, "metadata": told, **_shown(message), **QUIET, **thread}
        )

    async def _edit(self, message: Message, ts: str) -> bool:
        """Whether the thread's post is still there. Its metadata stays that of the first message."""
        try:
            await self._slack.ask("POST", "chat.update", {"channel": self._channel, "ts": ts, **_shown(message)})
        except CannotEdit as error:
            return not error.gone
        return True

    async def _find(self, message: Message, method: str, **given: str) -> str:
        """The `ts` of the message where it has arrived already; empty where not, or where the token may not look."""
        found = await self._slack.find(method, _EVENT, key(message), channel=self._channel, **given)
        return str(found.get("ts")) if found else ""


def _shown(message: Message) -> dict[str, Any]:
    """Plain text in every place, so that nothing from outside is read as a mention, a link or formatting."""
    title = escaped(headline(message), MOST_TITLE)
    text = escaped(message.text.strip(), MOST_TEXT)
    blocks = [{"type": "header", "text": _plain(title)}]
    if text:
        blocks.append({"type": "section", "text": _plain(text)})
    return {"text": f"{title}\n{text}".strip(), "blocks": blocks, **PLAIN}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
