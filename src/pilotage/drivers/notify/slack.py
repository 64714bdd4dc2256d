"""Announcements in Slack: one post for each rollout, which shows its present state, and every message in its thread.

The Web API (docs.slack.dev/reference/methods): chat.postMessage, chat.update, conversations.history and .replies.
Each message carries its id as metadata, by which it is found again when the answer to a post got lost.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.answers import Answer, again, one_line
from pilotage.drivers.messages import headline, key
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}")
_POST = re.compile(r"([CGD][A-Z0-9]{2,20}):([0-9]{1,12}\.[0-9]{1,6})")
_EVENT = "pilotage_message"
_MOST_TITLE, _MOST_TEXT = 150, 3000
"""Characters that a header block and a section block take."""
_PAGE, _MOST_PAGES = 200, 5

_LATER = (
    *("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"),
    *("team_added_to_org", "org_login_required"),
)
_ADVICE = {
    "not_authed": "is the secret empty?",
    "invalid_auth": "is the token right?",
    "token_revoked": "install the app again and store its new token",
    "token_expired": "store a new token",
    "account_inactive": "the app was removed: install it again and store its new token",
    "channel_not_found": "is the channel's id right? To a private one invite the app",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived: name another one",
    "restricted_action": "the workspace does not let apps post in this channel",
    "msg_too_long": "make the message's template shorter",
}


class SlackNotifier:
    class Options(DriverOptions):
        """The app's token needs the scopes chat:write and, to find a message whose answer got lost, channels:history
        (groups:history for private ones)."""

        model_config = ConfigDict(hide_input_in_errors=True)

        token: Secret = Field(description="the app's bot token (xoxb-...)")
        channel: str = Field(description="the channel's id, such as C024BE91L: names change, ids do not")
        api: Api = Field(default="https://slack.com/api", description="where Slack's Web API is")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each call")

        @field_validator("channel")
        @classmethod
        def _is_an_id(cls, channel: str) -> str:
            if not _CHANNEL.fullmatch(channel):
                raise ValueError("the channel's id, such as C024BE91L (in Slack: at the end of the channel's details)")
            return channel

    def __init__(self, options: Options, context: Context) -> None:
        self._channel = options.channel
        self._service = Service("Slack", options.api, options.token, options.timeout_s, scheme="Bearer")

    async def send(self, message: Message) -> str:
        place = _POST.fullmatch(message.thread)
        if place is None or place[1] != self._channel or not await self._edit(message, place[2]):
            return f"{self._channel}:{await self._first(message)}"
        if not (message.attempt and await self._find(message, "conversations.replies", ts=place[2])):
            await self._post(message, thread_ts=place[2])
        return message.thread

    async def probe(self) -> str:
        """Who the token is and whether it sees the channel, as far as its scopes let it ask."""
        who = await self._ask("GET", "auth.test")
        name = self._channel
        try:
            channel = (await self._ask("GET", "conversations.info", params={"channel": self._channel})).get("channel")
        except _MissingScope:
            channel = None
        if isinstance(channel, dict):
            name = f"#{one_line(str(channel.get('name') or name), 80)}"
            if channel.get("is_archived") or channel.get("is_member") is False:
                raise _error("is_archived" if channel.get("is_archived") else "not_in_channel", Answer(200, {}, None))
        line = f"Slack: {one_line(str(who.get('user')), 60)} of {one_line(str(who.get('team')), 60)} posts in {name}"
        try:
            await self._ask("GET", "conversations.history", params={"channel": self._channel, "limit": "1"})
        except _MissingScope as error:
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
        quiet = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
        body = {"channel": self._channel, "metadata": told, **_shown(message), **quiet, **thread}
        ts = (await self._ask("POST", "chat.postMessage", body)).get("ts")
        if not isinstance(ts, str):
            raise TemporaryError("Slack did not say where it posted the message: is `api` right?")
        return ts

    async def _edit(self, message: Message, ts: str) -> bool:
        """Whether the thread's post is still there. Its metadata stays that of the first message."""
        try:
            await self._ask("POST", "chat.update", {"channel": self._channel, "ts": ts, **_shown(message)})
        except _CannotEdit as error:
            return not error.gone
        return True

    async def _find(self, message: Message, method: str, **given: str) -> str:
        """The `ts` of the message where it has arrived already; empty where not, or where the token may not look."""
        cursor = ""
        for _ in range(_MOST_PAGES if given else 1):
            params = {"channel": self._channel, "limit": str(_PAGE), "include_all_metadata": "true", **given}
            try:
                answer = await self._ask("GET", method, params=params | ({"cursor": cursor} if cursor else {}))
            except _MissingScope:
                return ""
            for one in answer.get("messages") or []:
                metadata = one.get("metadata") or {}
                if metadata.get("event_type") == _EVENT and metadata.get("event_payload", {}).get("id") == key(message):
                    return str(one.get("ts"))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return ""

    async def _ask(
        self, http: str, method: str, body: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> Answer:
        """Slack answers 200 also when it refuses: then `ok` is false."""
        answer = await self._service.call(http, f"/{method}", body, params)
        if answer.get("ok") is not True:
            if isinstance(answer.get("error"), str):
                raise _error(answer.get("error"), answer)
            self._service.refuse(answer, method)
            raise PermanentError("this does not answer as Slack's API does: is `api` right?")
        return answer


class _MissingScope(PermanentError):
    pass


class _CannotEdit(PermanentError):
    def __init__(self, said: str, gone: bool) -> None:
        self.gone = gone
        super().__init__(said)


def _error(code: str, answer: Answer) -> PermanentError | TemporaryError:
    if code in _LATER or answer.status >= 500:
        return TemporaryError(f"Slack cannot do it now ({one_line(code, 60)}){again(answer)}", answer.after_s)
    if code == "missing_scope":
        needed = one_line(str(answer.get("needed") or "that it asks for"), 80)
        return _MissingScope(f"the app lacks the scope {needed}: add it and install the app again")
    said = f"Slack refuses: {one_line(code, 60)}. {_ADVICE.get(code, 'See docs.slack.dev for what it means')}"
    if code in ("message_not_found", "cant_update_message", "edit_window_closed"):
        return _CannotEdit(said, gone=code == "message_not_found")
    return PermanentError(said)


def _shown(message: Message) -> dict[str, Any]:
    """Plain text in every place, so that nothing from outside is read as a mention, a link or formatting."""
    title = _escaped(headline(message), _MOST_TITLE)
    text = _escaped(message.text.strip(), _MOST_TEXT)
    blocks = [{"type": "header", "text": _plain(title)}]
    if text:
        blocks.append({"type": "section", "text": _plain(text)})
    return {"text": f"{title}\n{text}".strip(), "blocks": blocks, "parse": "none", "link_names": False}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str, most: int) -> str:
    """Slack's three control characters as it asks for them, in at most so many characters."""
    kept, dots = text, ""
    while len(shown := kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) + len(dots) > most:
        kept, dots = kept[: len(kept) * (most - 3) // len(shown)], "..."
    return shown + dots
