"""A small Messages API on loopback, over real HTTP: it streams as the real one does, and says what a test has written.

What it was sent is kept, byte for byte.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Says:
    """Text only."""

    text: str


@dataclass(frozen=True)
class Calls:
    """A tool with its input."""

    tool: str
    input: Any


@dataclass(frozen=True)
class Fails:
    """An error before the stream; `retry_after_ms` asks for the next try that late."""

    status: int = 529
    kind: str = "overloaded_error"
    retry_after_ms: int | None = 5


@dataclass(frozen=True)
class BreaksOff:
    """An error within a stream that has begun."""

    kind: str = "overloaded_error"


@dataclass(frozen=True)
class Hangs:
    """Nothing comes."""

    until: threading.Event


Reply = Hangs | Says | Calls | Fails | BreaksOff | list[Says | Calls]
Step = Reply | Callable[[dict[str, Any]], Reply]


def fills(*fillings: dict[str, Any]) -> Calls:
    return Calls("fill_in", {"response": list(fillings)})


@dataclass
class Fake:
    """`script` is answered in its order; its last step for ever."""

    script: list[Step]
    bodies: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def told(self, place: int = -1) -> str:
        """The last message of a request, as text."""
        return json.dumps(self.asked[place]["messages"][-1], ensure_ascii=False)

    def next(self, body: dict[str, Any]) -> Reply:
        step = self.script[min(len(self.bodies), len(self.script)) - 1]
        return step(body) if callable(step) else step


@contextmanager
def messages_api(*script: Step) -> Iterator[Fake]:
    fake = Fake(list(script))

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.partition("?")[0] != "/v1/messages":
                self._answer(404, _error("not_found_error"))
                return
            fake.bodies.append(body)
            fake.keys.append(self.headers.get("Authorization", "").removeprefix("Bearer "))
            asked = json.loads(body)
            reply = fake.next(asked)
            if isinstance(reply, Fails):
                more = {} if reply.retry_after_ms is None else {"retry-after-ms": str(reply.retry_after_ms)}
                self._answer(reply.status, _error(reply.kind), more)
            elif isinstance(reply, Hangs):
                reply.until.wait(60)
            elif asked.get("stream"):
                self._stream(reply)
            else:
                self._answer(200, json.dumps(_message(asked, reply)).encode())

        def _answer(self, status: int, data: bytes, more: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(more or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _stream(self, reply: Reply) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Connection", "close")
            self.end_headers()
            for event in _events(reply):
                self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
                self.wfile.flush()
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def _error(kind: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": kind}, "request_id": "req_1"}).encode()


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    parts = reply if isinstance(reply, list) else [reply]
    blocks: list[dict[str, Any]] = []
    for number, one in enumerate(parts):
        if isinstance(one, Says):
            blocks.append({"type": "text", "text": one.text})
        elif isinstance(one, Calls):
            blocks.append({"type": "tool_use", "id": f"toolu_{number}", "name": one.tool, "input": one.input})
    return blocks


def _message(asked: dict[str, Any], reply: Reply) -> dict[str, Any]:
    blocks = _blocks(reply)
    stop = "tool_use" if any(one["type"] == "tool_use" for one in blocks) else "end_turn"
    return {
        **{"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": blocks},
        **{"stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": 100, "output_tokens": 20}},
    }


def _events(reply: Reply) -> Iterator[dict[str, Any]]:
    """In the real one's order; inputs of tools come in pieces of JSON."""
    blocks = _blocks(reply)
    whole = _message({"model": "claude-sonnet-5-5"}, reply)
    begun = {**whole, "content": [], "stop_reason": None, "usage": {"input_tokens": 100, "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    if isinstance(reply, BreaksOff):
        yield {"type": "error", "error": {"type": reply.kind, "message": reply.kind}}
        return
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            yield {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
            pieces = [{"type": "text_delta", "text": one} for one in _pieces(block["text"])]
        else:
            yield {"type": "content_block_start", "index": index, "content_block": {**block, "input": {}}}
            text = json.dumps(block["input"])
            pieces = [{"type": "input_json_delta", "partial_json": one} for one in _pieces(text)]
        for piece in pieces:
            yield {"type": "content_block_delta", "index": index, "delta": piece}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 20}}
    yield {"type": "message_stop"}


def _pieces(text: str, length: int = 40) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)] or [""]
