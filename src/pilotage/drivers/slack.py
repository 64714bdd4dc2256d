"""Slack's Web API (docs.slack.dev/reference/methods), as far as Pilotage speaks it: for the notify driver and the app.

Posting is not idempotent there: a message carries an id of ours as metadata, by which it is found again when the answer
to a post got lost (docs.slack.dev/messaging/message-metadata).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import Answer, again, one_line
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}")


def _is_an_id(channel: str) -> str:
    if not CHANNEL.fullmatch(channel):
        raise ValueError("the channel's id, such as C024BE91L (in Slack: at the end of the channel's details)")
    return channel


ChannelId = Annotated[str, AfterValidator(_is_an_id)]
MOST_TITLE, MOST_TEXT = 150, 3000
"""Characters that a header block and a section block take."""
QUIET: dict[str, Any] = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
PLAIN: dict[str, Any] = {"parse": "none", "link_names": False}
_PAGE, _MOST_PAGES = 200, 5

_LATER = (
    *("ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"),
    *("team_added_to_org", "org_login_required", "message_limit_exceeded"),
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


class MissingScope(PermanentError):
    pass


class CannotEdit(PermanentError):
    """`gone`: the message is not there any more."""

    def __init__(self, said: str, gone: bool) -> None:
        self.gone = gone
        super().__init__(said)


class SlackApi:
    def __init__(self, api: str, token: Secret, timeout_s: float) -> None:
        self._service = Service("Slack", api, token, timeout_s, scheme="Bearer")

    async def ask(
        self, http: str, method: str, body: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> Answer:
        """Slack answers 200 also when it refuses: then `ok` is false. Raises what that means."""
        answer = await self._service.call(http, f"/{method}", body, params)
        if answer.get("ok") is not True:
            if isinstance(answer.get("error"), str):
                raise refusal(answer.get("error"), answer)
            self._service.refuse(answer, method)
            raise PermanentError("this does not answer as Slack's API does: is `api` right?")
        return answer

    async def post(self, body: dict[str, Any]) -> str:
        """chat.postMessage; the new message's `ts`."""
        ts = (await self.ask("POST", "chat.postMessage", body)).get("ts")
        if not isinstance(ts, str):
            raise TemporaryError("Slack did not say where it posted the message: is `api` right?")
        return ts

    async def find(self, method: str, event: str, key: str, **given: str) -> dict[str, Any] | None:
        """The message whose metadata has that event's type and our `key` as its id; None where it is not there, or
        where the token may not look. `method` is conversations.history or conversations.replies."""
        cursor = ""
        for _ in range(_MOST_PAGES if {"ts", "oldest"} & given.keys() else 1):
            params = {"limit": str(_PAGE), "include_all_metadata": "true", **given}
            try:
                answer = await self.ask("GET", method, params=params | ({"cursor": cursor} if cursor else {}))
            except MissingScope:
                return None
            for one in answer.get("messages") or []:
                metadata = one.get("metadata") or {}
                if metadata.get("event_type") == event and metadata.get("event_payload", {}).get("id") == key:
                    return dict(one)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return None


def refusal(code: str, answer: Answer) -> PermanentError | TemporaryError:
    if code in _LATER or answer.status >= 500:
        return TemporaryError(f"Slack cannot do it now ({one_line(code, 60)}){again(answer)}", answer.after_s)
    if code == "missing_scope":
        needed = one_line(str(answer.get("needed") or "that it asks for"), 80)
        return MissingScope(f"the app lacks the scope {needed}: add it and install the app again")
    said = f"Slack refuses: {one_line(code, 60)}. {_ADVICE.get(code, 'See docs.slack.dev for what it means')}"
    if code in ("message_not_found", "cant_update_message", "edit_window_closed"):
        return CannotEdit(said, gone=code == "message_not_found")
    return PermanentError(said)


def plain(text: str, most: int = MOST_TEXT) -> dict[str, Any]:
    """A text object in which nothing from outside is read as a mention, a link, an emoji or formatting."""
    return {"type": "plain_text", "text": escaped(text, most), "emoji": False}


def escaped(text: str, most: int) -> str:
    """Slack's three control characters as it asks for them, in at most so many characters."""
    kept, dots = text, ""
    while len(shown := kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")) + len(dots) > most:
        kept, dots = kept[: len(kept) * (most - 3) // len(shown)], "..."
    return shown + dots
