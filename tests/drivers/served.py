"""A team's web service on a loopback port, for the drivers that call one: it checks what it is sent, does what its
documentation says, and refuses, hangs or loses its answers when a test says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema

Given = tuple[int, dict[str, str], Any]
"""Status, headers and the body to be sent as JSON."""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    """The decoded JSON; None when there is none."""


@dataclass
class Served:
    """What `instead` gives is answered in place of everything else; None lets the service answer itself."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    instead: Callable[[Request], Given | None] | None = None
    lose: int = 0
    """So many answers are lost: what was asked for is done, and the connection closed without a word."""
    hang: threading.Event | None = None
    """Answers wait for it; what was asked for is done before."""

    def answer(self, request: Request) -> Given:
        raise NotImplementedError

    def calls(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.requests]


def conforms(request: Request, schema: dict[str, Any]) -> None:
    """The request says that it is JSON, and has no field that `schema` does not know."""
    assert request.headers.get("content-type") == "application/json; charset=utf-8"
    jsonschema.validate(request.body, schema)


@contextmanager
def serve(service: Any) -> Iterator[Any]:
    """What a service asserts and does not hold is answered with 500, and fails the test at the end."""
    wrong: list[BaseException] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(data) if data else None
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            service.requests.append(request)
            try:
                given = service.instead(request) if service.instead else None
                status, more, answer = given or service.answer(request)
            except Exception as error:
                wrong.append(error)
                status, more, answer = 500, {}, {"error": "the test's server was asked for what is not documented"}
            if service.hang is not None:
                service.hang.wait(10)
            if service.lose:
                service.lose -= 1
                self.close_connection = True
                return
            text = b"" if status == 204 else json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

        def log_message(self, *_: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    service.url = f"http://127.0.0.1:{running.server_port}"
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        running.shutdown()
        running.server_close()
        thread.join()
    if wrong:
        raise wrong[0]
