"""Slack's Web API as docs.slack.dev/reference/methods says, for one workspace with one channel."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

CHANNEL = "C024BE91L"
_PLAIN = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "plain_text"},
        "text": {"type": "string", "minLength": 1},
        "emoji": {"type": "boolean"},
    },
}


def _block(kind: str, most: int) -> dict[str, Any]:
    text = {
        **_PLAIN,
        "properties": {**_PLAIN["properties"], "text": {"type": "string", "minLength": 1, "maxLength": most}},
    }  # type: ignore[dict-item]
    return {"type": "object", "properties": {"type": {"const": kind}, "text": text}, "additionalProperties": False}


_SHOWN: dict[str, Any] = {
    "channel": {"type": "string"},
    "text": {"type": "string", "minLength": 1, "maxLength": 4000},
    "blocks": {"type": "array", "maxItems": 50, "items": {"anyOf": [_block("header", 150), _block("section", 3000)]}},
    "parse": {"enum": ["none", "full"]},
    "link_names": {"type": "boolean"},
}
_METADATA = {
    "type": "object",
    "required": ["event_type", "event_payload"],
    "additionalProperties": False,
    "properties": {"event_type": {"type": "string", "pattern": "^[a-z0-9_]+$"}, "event_payload": {"type": "object"}},
}
POST = {
    "type": "object",
    "required": ["channel", "text"],
    "additionalProperties": False,
    "properties": {
        **_SHOWN,
        "metadata": _METADATA,
        "thread_ts": {"type": "string"},
        **{name: {"type": "boolean"} for name in ("mrkdwn", "unfurl_links", "unfurl_media")},
    },
}
UPDATE = {
    "type": "object",
    "required": ["channel", "ts", "text"],
    "additionalProperties": False,
    "properties": {**_SHOWN, "ts": {"type": "string"}},
}


@dataclass
class Slack(Served):
    token: str = "xoxb-" + "s3cr3t" * 4
    scopes: set[str] = field(default_factory=lambda: {"chat:write", "channels:read", "channels:history"})
    member: bool = True
    archived: bool = False
    posts: list[dict[str, Any]] = field(default_factory=list)
    """The newest last; a reply has a `thread_ts`."""
    page: int = 200

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _no("invalid_auth")
        method = request.path.removeprefix("/")
        if method == "auth.test":
            return _yes(url="https://acme.slack.com/", team="Acme", user="pilotage", team_id="T1", user_id="U1")
        given = request.body if request.method == "POST" else request.query
        if given["channel"] != CHANNEL:
            return _no("channel_not_found")
        handler = getattr(self, f"_{method.replace('.', '_')}")
        answer: Given = handler(request, given)
        return answer

    def shown(self) -> list[str]:
        """The posts as a reader sees them. Anything that Slack would take for a mention or a link fails the test."""
        return [_read(one) for one in self.posts]

    def begun(self) -> int:
        return sum("thread_ts" not in one for one in self.posts)

    def _conversations_info(self, request: Request, given: dict[str, Any]) -> Given:
        if "channels:read" not in self.scopes:
            return _no("missing_scope", needed="channels:read", provided="chat:write")
        return _yes(
            channel={"id": CHANNEL, "name": "hot-fixes", "is_member": self.member, "is_archived": self.archived}
        )

    def _conversations_history(self, request: Request, given: dict[str, Any]) -> Given:
        return self._listed(given, [one for one in reversed(self.posts) if "thread_ts" not in one])

    def _conversations_replies(self, request: Request, given: dict[str, Any]) -> Given:
        return self._listed(given, [one for one in self.posts if given["ts"] in (one["ts"], one.get("thread_ts"))])

    def _listed(self, given: dict[str, Any], posts: list[dict[str, Any]]) -> Given:
        if "channels:history" not in self.scopes:
            return _no("missing_scope", needed="channels:history", provided="chat:write")
        if given.get("include_all_metadata") != "true":
            posts = [{name: value for name, value in one.items() if name != "metadata"} for one in posts]
        begin, size = int(given.get("cursor") or 0), min(int(given.get("limit", 100)), self.page)
        more = {"next_cursor": str(begin + size) if begin + size < len(posts) else ""}
        return _yes(messages=posts[begin : begin + size], response_metadata=more)

    def _chat_postMessage(self, request: Request, given: dict[str, Any]) -> Given:
        assert request.method == "POST"
        conforms(request, POST)
        if not self.member:
            return _no("not_in_channel")
        if self.archived:
            return _no("is_archived")
        ts = f"17000000{len(self.posts):02}.000100"
        self.posts.append({"type": "message", "ts": ts, **given})
        return _yes(channel=CHANNEL, ts=ts, message=given)

    def _chat_update(self, request: Request, given: dict[str, Any]) -> Given:
        assert request.method == "POST"
        conforms(request, UPDATE)
        found = [one for one in self.posts if one["ts"] == given["ts"]]
        if not found:
            return _no("message_not_found")
        found[0].update(given)
        return _yes(channel=CHANNEL, ts=given["ts"], text=given["text"])


def _yes(**more: Any) -> Given:
    return 200, {}, {"ok": True, **more}


def _no(error: str, **more: Any) -> Given:
    return 200, {}, {"ok": False, "error": error, **more}


def _read(post: dict[str, Any]) -> str:
    texts = [block["text"]["text"] for block in post["blocks"]]
    for text in (post["text"], *texts):
        assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", text), f"Slack would read markup in {text!r}"
    assert (post["parse"], post["link_names"]) == ("none", False)
    return "\n".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
