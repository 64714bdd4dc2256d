"""Words that only one person sees: by the response_url of what they did, or beside the message."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import structlog

from pilotage.chat.heard import may_answer_to
from pilotage.core.errors import DriverError
from pilotage.core.redact import redact
from pilotage.drivers.http import Client
from pilotage.drivers.slack import SlackApi, escaped, plain
from pilotage.settings.chat import Slack

log = structlog.get_logger()

MOST_SAID = 2500
TRIES, PAUSE_S = 3, 1.0
_HOLD_ON = "Why does it go on nevertheless? This is in the record, under your name."


class Saying:
    def __init__(self, settings: Slack) -> None:
        self._settings = settings
        self._slack = SlackApi(settings.api, settings.token, settings.timeout_s)
        self._client = Client(settings.timeout_s)

    async def answer(self, response_url: str, text: str) -> None:
        """Whatever comes of it: what was done is done, and the message shows it."""
        if not may_answer_to(response_url, self._settings.api):
            log.warning("an answer is not sent: response_url is not of Slack's hosts")
            return
        body = {"response_type": "ephemeral", "replace_original": False, **_words(text)}
        for attempt in range(TRIES):
            try:
                answer = await self._client.post(response_url, json=body)
                if answer.status_code < 500:
                    break
            except httpx.HTTPError:
                pass
            await asyncio.sleep(PAUSE_S * (attempt + 1))
        else:
            log.warning("an answer to a person in Slack has not arrived")

    async def whisper(self, user: str, text: str) -> None:
        """In the channel, seen by that person only (chat.postEphemeral)."""
        try:
            body = {"channel": self._settings.channel, "user": user, **_words(text)}
            await self._slack.ask("POST", "chat.postEphemeral", body)
        except DriverError as error:
            log.warning("an answer to a person in Slack has not arrived", error=str(error))

    async def ask_why(self, trigger: str, value: str, title: str) -> None:
        """Opens a form that asks for the reason to go on (views.open). Raises DriverError."""
        field = {"type": "plain_text_input", "action_id": "why", "multiline": True, "max_length": 300}
        view = {
            "type": "modal",
            "callback_id": "pilotage_resume",
            "private_metadata": value,
            "title": plain("Go on", 24),
            "submit": plain("Go on", 24),
            "close": plain("Leave it held", 24),
            "blocks": [
                {"type": "section", "text": plain(title)},
                {"type": "input", "block_id": "why", "label": plain(_HOLD_ON, 2000), "element": field},
            ],
        }
        await self._slack.ask("POST", "views.open", {"trigger_id": trigger, "view": view})


def _words(text: str) -> dict[str, Any]:
    said = redact(text).strip() or "done"
    return {"text": escaped(said, MOST_SAID), "blocks": [{"type": "section", "text": plain(said, MOST_SAID)}]}
