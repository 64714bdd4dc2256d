"""Turnstile itself, as small as a reverse proxy gets: one gate, two versions behind it, and an admin API.

GET /gates/GATE answers ``{"canary": percent}``, PUT sets it and answers nothing. Any other address is answered by one
of the versions.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "let-me-through"


@contextmanager
def turnstile(gate: str) -> Iterator[str]:
    """Runs one on a free port of this machine; gives its address."""
    canary = [0.0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/gates/"):
                self.admin()
            else:
                self.reply(200, "canary" if random.random() * 100 < canary[0] else "stable")

        def do_PUT(self) -> None:
            self.admin(self.rfile.read(int(self.headers["Content-Length"])))

        def admin(self, body: bytes = b"") -> None:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.reply(401, "{}")
            elif self.path != f"/gates/{gate}":
                self.reply(404, "{}")
            elif body:
                canary[0] = json.loads(body)["canary"]
                self.reply(204, "")
            else:
                self.reply(200, json.dumps({"canary": canary[0]}))

        def reply(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
