"""A real HTTP receiver of webhooks on loopback, which answers as a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
Answer = int | str
"""A status, or: ``hang``, ``die`` (the connection ends in the middle), ``flood`` (an answer without an end)."""


@dataclass
class Call:
    headers: dict[str, str]
    body: bytes
    answered: Answer

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed(self, key: bytes = KEY) -> bool:
        """Written from the specification, with nothing of Pilotage's own."""
        signed = b".".join([self.id.encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    url: str = ""
    answer: Callable[[int], Answer] = lambda _: 204
    """By the number of the call, from 0."""
    headers: dict[str, str] = field(default_factory=dict)
    words: bytes = b""
    calls: list[Call] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set: what hangs hangs no longer."""
    heard: Callable[[Call], None] = lambda _: None
    """Called before it answers."""

    @property
    def taken(self) -> list[Call]:
        return [one for one in self.calls if isinstance(one.answered, int) and one.answered < 300]

    @property
    def types(self) -> list[str]:
        """Of what it has taken, without what came again."""
        first = {one.id: one.told["type"] for one in reversed(self.taken)}
        return [first.pop(one.id) for one in self.taken if one.id in first]


@contextmanager
def receiver() -> Iterator[Receiver]:
    there = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = there.answer(len(there.calls))
            call = Call({name.lower(): value for name, value in self.headers.items()}, body, answer)
            there.calls.append(call)
            there.heard(call)
            if isinstance(answer, int):
                return self._say(answer)
            with suppress(OSError):
                if answer == "hang":
                    there.released.wait(30)
                elif answer == "die":
                    self.wfile.write(b"HTTP/1.1 2")
                elif answer == "flood":
                    self.send_response(500)
                    self.end_headers()
                    while not there.released.is_set():
                        self.wfile.write(b"x" * 65536)
            self.close_connection = True

        def do_GET(self) -> None:
            there.calls.append(Call({}, b"", "get"))
            self._say(200)

        def _say(self, status: int) -> None:
            self.send_response(status)
            for name, value in there.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(there.words)))
            self.end_headers()
            self.wfile.write(there.words)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    there.url = f"http://127.0.0.1:{server.server_port}/told"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield there
    finally:
        there.released.set()
        server.shutdown()
        server.server_close()
