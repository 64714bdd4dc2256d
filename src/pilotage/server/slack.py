"""Where Slack calls: buttons, forms and the slash command. Verified and answered at once; the work comes after.

Slack waits 3 s for an answer (docs.slack.dev/interactivity/handling-user-interaction), and a driver may need longer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from pilotage.chat.follower import NAME
from pilotage.chat.heard import why_not
from pilotage.core.errors import DriverError, Unauthorised
from pilotage.server.access import Access
from pilotage.server.routing import serve
from pilotage.server.slack_acts import SlackActs
from pilotage.store import chats

log = structlog.get_logger()

MOST_BYTES = 256 * 1024
MOST_FIELDS = 64
router = APIRouter(prefix="/slack", include_in_schema=False)


@dataclass
class Door:
    access: Access
    acts: SlackActs
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(_whole(work))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def hear(self, request: Request) -> dict[str, str] | Response:
        """The form that Slack sent, or the answer where there is nothing to do. Raises Unauthorised."""
        body = await _bounded(request)
        if body is None:
            return Response(f"at most {MOST_BYTES} bytes were expected", 413, media_type="text/plain")
        settings = self.acts.settings
        try:
            secret = await settings.signing_secret.reveal()
        except DriverError as error:
            log.error("nothing from Slack can be verified", error=str(error))
            return Response("the signing secret cannot be read here", 503, media_type="text/plain")
        signature, at = request.headers.get("x-slack-signature", ""), self.access.coordinator.clock.now()
        stamp = request.headers.get("x-slack-request-timestamp", "")
        if said := why_not(secret, stamp, signature, body, at):
            raise Unauthorised(f"this does not come from Slack: {said}")
        try:
            form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            return Response("a form of at most 64 fields was expected", 400, media_type="text/plain")
        if not await self.access.coordinator.store.run(chats.hear, NAME, signature, at):
            return Response()
        return {name: values[0] for name, values in form.items()}


async def _whole(work: Awaitable[None]) -> None:
    try:
        await work
    except Exception as error:  # it has been answered already: nobody else would see it
        log.error("what was asked in Slack has failed", error=type(error).__name__)


async def _bounded(request: Request) -> bytes | None:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


@router.post("/actions")
async def actions(request: Request) -> Response:
    """Buttons (block_actions) and forms (view_submission)."""
    door: Door = request.app.state.slack
    form = await door.hear(request)
    if isinstance(form, Response):
        return form
    payload = _payload(form.get("payload", ""))
    if payload is None:
        return Response("a payload in JSON was expected", 400, media_type="text/plain")
    user, kind = _text(payload, "user", "id"), payload.get("type")
    if kind == "block_actions":
        found = payload.get("actions")
        action = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
        what = (_text(action, "action_id"), action.get("value"))
        where = (_text(payload, "response_url"), _text(payload, "trigger_id"))
        door.later(door.acts.pressed(user, *what, *where))
    elif kind == "view_submission" and _text(payload, "view", "callback_id") == "pilotage_resume":
        why = _text(payload, "view", "state", "values", "why", "why", "value")
        door.later(door.acts.go_on(user, _text(payload, "view", "private_metadata"), why))
    return Response()


@router.post("/commands")
async def commands(request: Request) -> Response:
    """/pilotage (docs.slack.dev/interactivity/implementing-slash-commands)."""
    door: Door = request.app.state.slack
    form = await door.hear(request)
    if isinstance(form, Response):
        return form
    door.later(door.acts.typed(form.get("user_id", ""), form.get("text", ""), form.get("response_url", "")))
    return Response()


def _payload(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(found: Any, *path: str) -> str:
    """What stands there, when it is text; else empty."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def add_slack(app: FastAPI, access: Access) -> None:
    """Where the settings name a Slack app."""
    if access.settings.slack is not None:
        app.state.slack = Door(access, SlackActs(access, access.settings.slack))
        serve(app, (router,))
