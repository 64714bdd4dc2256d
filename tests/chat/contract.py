"""A Slack workspace with one channel, as Slack documents it, over real HTTP; and people in it who press and type.

Web API: docs.slack.dev/reference/methods/{chat.postMessage,chat.update,chat.postEphemeral,conversations.history,
conversations.replies,views.open}; docs.slack.dev/apis/web-api/rate-limits; docs.slack.dev/messaging/message-metadata.
What it sends: docs.slack.dev/reference/interaction-payloads/{block_actions-payload,view-interactions-payload},
docs.slack.dev/interactivity/{handling-user-interaction,implementing-slash-commands},
docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import jsonschema

from tests.chat import blockkit
from tests.drivers.served import Given, Request, Served

CHANNEL = "C024BE91L"
EDITS_A_MINUTE = 50
"""Tier 3."""
ANSWERS, ANSWER_WITHIN_S = 5, 1800.0
"""A response_url may be used so often, for so long."""
TRIGGER_S = ACK_S = 3.0

_TEXT = {"type": "string", "minLength": 1, "maxLength": 4000}
_SHOWN = {
    "channel": {"const": CHANNEL},
    "text": _TEXT,
    "blocks": {"type": "array"},
    "parse": {"enum": ["none"]},
    "link_names": {"const": False},
}
_METADATA = {
    "type": "object",
    "required": ["event_type", "event_payload"],
    "additionalProperties": False,
    "properties": {"event_type": {"pattern": "^[a-z0-9_]{1,255}$"}, "event_payload": {"type": "object"}},
}
_TS = {"type": "string", "pattern": r"^\d{10}\.\d{6}$"}


def _arguments(required: list[str], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": more}


POST = _arguments(
    ["channel", "text", "blocks"],
    **_SHOWN,
    metadata=_METADATA,
    thread_ts=_TS,
    reply_broadcast={"type": "boolean"},
    **{name: {"type": "boolean"} for name in ("mrkdwn", "unfurl_links", "unfurl_media")},
)
UPDATE = _arguments(["channel", "text", "blocks", "ts"], **_SHOWN, ts=_TS)
WHISPER = _arguments(
    ["channel", "user", "text"], channel={"const": CHANNEL}, user={"type": "string"}, text=_TEXT, blocks={}
)
OPEN = _arguments(["trigger_id", "view"], trigger_id={"type": "string"}, view=blockkit.VIEW)
ANSWER = _arguments(
    ["text"],
    response_type={"enum": ["ephemeral"]},
    replace_original={"const": False},
    text={"type": "string", "minLength": 1, "maxLength": 4000},
    blocks={"type": "array"},
)


@dataclass
class Workspace(Served):
    token: str = "xoxb-" + "s3cr3t" * 4
    signing: str = "8f74" * 8
    scopes: set[str] = field(default_factory=lambda: {"chat:write", "commands", "channels:history"})
    member: bool = True
    posts: list[dict[str, Any]] = field(default_factory=list)
    """As they are now, the oldest first; a reply has a `thread_ts`."""
    edits: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    """Every one: when, of which message, and what it then showed."""
    whispers: list[tuple[str, str]] = field(default_factory=list)
    """What only one person saw: who, and what."""
    views: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    now: Callable[[], float] = time.time
    """Slack's own clock, for its `ts`."""
    limited: int = 0
    """How often somebody was asked to wait."""
    _answers: dict[str, list[Any]] = field(default_factory=dict)
    """Of each response_url: user, since when, and how often it was used."""
    _triggers: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, request: Request) -> Given:
        with self._lock:
            if request.path.startswith("/actions/"):
                return self._answered(request)
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return _no("invalid_auth")
            method = request.path.removeprefix("/")
            if request.method == "POST":
                assert request.headers.get("content-type") == "application/json; charset=utf-8"
            handler = getattr(self, f"_{method.replace('.', '_')}", None)
            if handler is None:
                return _no("unknown_method")
            found: Given = handler(request.body if request.method == "POST" else request.query)
            return found

    def _chat_postMessage(self, given: dict[str, Any]) -> Given:
        if wrong := self._may_write(given):
            return wrong
        _shows(given, POST)
        thread = given.get("thread_ts")
        if thread and not any(one["ts"] == thread and "thread_ts" not in one for one in self.posts):
            return _no("cannot_reply_to_message")
        assert thread or "reply_broadcast" not in given
        ts = f"{int(self.now())}.{len(self.posts):06}"
        self.posts.append({"type": "message", "ts": ts, **given})
        return _yes(channel=CHANNEL, ts=ts, message={"text": given["text"]})

    def _chat_update(self, given: dict[str, Any]) -> Given:
        if wrong := self._may_write(given):
            return wrong
        _shows(given, UPDATE)
        now = time.monotonic()
        if sum(now - at < 60 for at, _, _ in self.edits) >= EDITS_A_MINUTE:
            self.limited += 1
            return 429, {"Retry-After": "2"}, {"ok": False, "error": "ratelimited"}
        found = [one for one in self.posts if one["ts"] == given["ts"]]
        if not found:
            return _no("message_not_found")
        found[0].update({name: value for name, value in given.items() if name not in ("channel", "ts")})
        self.edits.append((now, given["ts"], given))
        return _yes(channel=CHANNEL, ts=given["ts"], text=given["text"])

    def _chat_postEphemeral(self, given: dict[str, Any]) -> Given:
        if wrong := self._may_write(given):
            return wrong
        jsonschema.validate(given, WHISPER)
        blockkit.check_blocks(given["blocks"])
        self.whispers.append((given["user"], blockkit.read(given["blocks"])[0]))
        return _yes(message_ts="1700000000.000001")

    def _views_open(self, given: dict[str, Any]) -> Given:
        jsonschema.validate(given, OPEN)
        blockkit.check_blocks(given["view"]["blocks"], form=True)
        user, at = self._triggers.pop(given["trigger_id"], ("", 0.0))
        if not user:
            return _no("exchanged_trigger_id")
        if time.monotonic() - at > TRIGGER_S:
            return _no("expired_trigger_id")
        self.views.append((user, given["view"]))
        return _yes(view={"id": f"V{len(self.views)}"})

    def _conversations_history(self, given: dict[str, Any]) -> Given:
        since = float(given.get("oldest", 0))
        return self._listed(given, [one for one in reversed(self.posts) if "thread_ts" not in one and _at(one) > since])

    def _conversations_replies(self, given: dict[str, Any]) -> Given:
        return self._listed(given, [one for one in self.posts if given["ts"] in (one["ts"], one.get("thread_ts"))])

    def _listed(self, given: dict[str, Any], posts: list[dict[str, Any]]) -> Given:
        if "channels:history" not in self.scopes:
            return _no("missing_scope", needed="channels:history", provided="chat:write")
        if given["channel"] != CHANNEL:
            return _no("channel_not_found")
        if given.get("include_all_metadata") != "true":
            posts = [{name: value for name, value in one.items() if name != "metadata"} for one in posts]
        begin, size = int(given.get("cursor") or 0), min(int(given.get("limit", 100)), 999)
        more = {"next_cursor": str(begin + size) if begin + size < len(posts) else ""}
        return _yes(messages=posts[begin : begin + size], response_metadata=more)

    def _may_write(self, given: dict[str, Any]) -> Given | None:
        if "chat:write" not in self.scopes:
            return _no("missing_scope", needed="chat:write", provided="")
        if given.get("channel") != CHANNEL:
            return _no("channel_not_found")
        return None if self.member else _no("not_in_channel")

    def _answered(self, request: Request) -> Given:
        found = self._answers.get(request.path)
        if found is None or found[2] >= ANSWERS or time.monotonic() - found[1] > ANSWER_WITHIN_S:
            return 404, {}, {"ok": False, "error": "used_url"}
        found[2] += 1
        jsonschema.validate(request.body, ANSWER)
        blockkit.check_blocks(request.body["blocks"])
        self.whispers.append((found[0], blockkit.read(request.body["blocks"])[0]))
        return 200, {}, "ok"

    # ------------------------------------------------------------------ what a person in the channel sees

    def messages(self) -> list[dict[str, Any]]:
        with self._lock:
            return [one for one in self.posts if "thread_ts" not in one]

    def thread(self, message: dict[str, Any] | None = None) -> list[str]:
        """The titles of what was told, in their order."""
        with self._lock:
            replies = [one for one in self.posts if "thread_ts" in one]
            kept = [one for one in replies if message is None or one["thread_ts"] == message["ts"]]
            sections = [block for one in kept for block in one["blocks"] if block["type"] == "section"]
            return [blockkit.read([one])[0].split("\n")[0] for one in sections]

    def words(self, message: dict[str, Any] | None = None) -> str:
        with self._lock:
            return "\n".join(blockkit.read((message or self.messages()[-1])["blocks"]))

    def buttons(self, message: dict[str, Any] | None = None) -> list[str]:
        return [one["text"]["text"] for one in _buttons(message or self.messages()[-1])]

    def told(self, user: str) -> list[str]:
        with self._lock:
            return [text for who, text in self.whispers if who == user]

    # ------------------------------------------------------------------ what Slack sends

    def response_url(self, user: str) -> str:
        with self._lock:
            path = f"/actions/T1/{len(self._answers)}/{hashlib.sha256(user.encode()).hexdigest()[:24]}"
            self._answers[path] = [user, time.monotonic(), 0]
            return self.url + path

    def trigger(self, user: str) -> str:
        with self._lock:
            name = f"{len(self._triggers)}.{time.monotonic_ns()}"
            self._triggers[name] = (user, time.monotonic())
            return name

    def signed(self, body: bytes, at: float | None = None, secret: str = "") -> dict[str, str]:
        stamp = str(int(time.time() if at is None else at))
        basis = f"v0:{stamp}:".encode() + body
        found = hmac.new((secret or self.signing).encode(), basis, hashlib.sha256).hexdigest()
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={found}",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }

    def payload(self, user: str, message: dict[str, Any], button: str) -> dict[str, Any]:
        """Of a button that is really there, by its words."""
        found = next((one for one in _buttons(message) if one["text"]["text"] == button), None)
        assert found is not None, f"there is no button {button!r}: {[one['text']['text'] for one in _buttons(message)]}"
        action = {name: one for name, one in found.items() if name in ("action_id", "text", "value", "style", "type")}
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "x", "name": "x", "team_id": "T1"},
            "api_app_id": "A1",
            "token": "deprecated",
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": CHANNEL,
                "is_ephemeral": False,
            },
            "trigger_id": self.trigger(user),
            "team": {"id": "T1", "domain": "acme"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": CHANNEL, "name": "hot-fixes"},
            "message": {"type": "message", "ts": message["ts"], "text": message["text"], "blocks": message["blocks"]},
            "state": {"values": {}},
            "response_url": self.response_url(user),
            "actions": [{**action, "block_id": "pilotage", "action_ts": f"{time.time():.6f}"}],
        }

    def submission(self, user: str, view: dict[str, Any], why: str) -> dict[str, Any]:
        values = {"why": {"why": {"type": "plain_text_input", "value": why}}}
        told = {name: view[name] for name in ("type", "callback_id", "private_metadata", "title", "blocks")}
        return {
            "type": "view_submission",
            "team": {"id": "T1", "domain": "acme"},
            "user": {"id": user, "name": "x"},
            "api_app_id": "A1",
            "token": "deprecated",
            "trigger_id": self.trigger(user),
            "view": {"id": "V1", **told, "state": {"values": values}},
            "response_urls": [],
        }

    def typed(self, user: str, text: str) -> dict[str, str]:
        return {
            "token": "deprecated",
            "team_id": "T1",
            "team_domain": "acme",
            "channel_id": CHANNEL,
            "channel_name": "hot-fixes",
            "user_id": user,
            "user_name": "x",
            "command": "/pilotage",
            "text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "api_app_id": "A1",
            "is_enterprise_install": "false",
            "response_url": self.response_url(user),
            "trigger_id": self.trigger(user),
        }


@dataclass
class People:
    """Whoever presses and types, at a Pilotage that listens at `url`."""

    workspace: Workspace
    url: str

    def press(self, user: str, button: str, message: dict[str, Any] | None = None) -> httpx.Response:
        shown = message or self.workspace.messages()[-1]
        return self.send("actions", {"payload": json.dumps(self.workspace.payload(user, shown, button))})

    def submit(self, user: str, why: str) -> httpx.Response:
        view = next(view for who, view in reversed(self.workspace.views) if who == user)
        return self.send("actions", {"payload": json.dumps(self.workspace.submission(user, view, why))})

    def type(self, user: str, text: str) -> httpx.Response:
        return self.send("commands", self.workspace.typed(user, text))

    def send(self, door: str, form: dict[str, str]) -> httpx.Response:
        """As Slack does, which shows people an error after 3 s."""
        body = urlencode(form).encode()
        return self.raw(door, body, self.workspace.signed(body))

    def raw(self, door: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return httpx.post(f"{self.url}/slack/{door}", content=body, headers=headers, timeout=ACK_S)


def _shows(given: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.validate(given, schema)
    blockkit.check_blocks(given["blocks"])
    blockkit.check_escaped(given["text"])


def _buttons(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"])


def _at(post: dict[str, Any]) -> float:
    assert re.fullmatch(_TS["pattern"], post["ts"])
    return float(post["ts"])


def _yes(**more: Any) -> Given:
    return 200, {}, {"ok": True, **more}


def _no(error: str, **more: Any) -> Given:
    return 200, {}, {"ok": False, "error": error, **more}
