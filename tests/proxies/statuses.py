"""An upstream that answers as it is told: ``/?status=503&wait=.3`` with that status after that time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A health check closes its connection as soon as it knows."""


def _nothing(status: int, seconds: float) -> None:
    pass


@contextmanager
def answering(seen: Callable[[int, float], None] = _nothing) -> Iterator[str]:
    """Its address. `seen` is told each answer's status and the seconds that it took, before it is sent."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            begun = time.monotonic()
            asked = parse_qs(urlsplit(self.path).query)
            status = int(asked.get("status", ["200"])[0])
            time.sleep(float(asked.get("wait", ["0"])[0]))
            seen(status, time.monotonic() - begun)
            self.wfile.write(f"HTTP/1.1 {status} Told\r\ncontent-length: 2\r\n\r\nok".encode())

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
