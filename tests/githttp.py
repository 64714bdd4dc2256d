"""A real git server over HTTP: ``git http-backend`` behind a small server that knows two passwords."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

READER, WRITER = "reader:pl4nted-r", "writer:pl4nted-w"


@contextmanager
def serve(root: Path) -> Iterator[str]:
    """The address below which the bare repositories in `root` are; a reader gets 403 for what leads to a push."""
    known = {f"Basic {base64.b64encode(one.encode()).decode()}": one for one in (READER, WRITER)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            user = known.get(self.headers.get("authorization", ""))
            if user is None:
                return self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            if user != WRITER and "git-receive-pack" in self.path:
                return self._answer(403, {}, b"")
            place, _, query = self.path.partition("?")
            env = {**os.environ, "GIT_PROJECT_ROOT": str(root), "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": user}
            env |= {"REQUEST_METHOD": self.command, "PATH_INFO": place, "QUERY_STRING": query}
            env |= {"CONTENT_TYPE": self.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body))}
            env |= {"HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", "")}
            done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=True)
            head, _, said = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            return self._answer(int(headers.pop("Status", "200").split()[0]), headers, said)

        do_POST = do_GET

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

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
