"""A small load balancer's control port: servers in and out of rotation, requests that run, and a command to ask it."""

from __future__ import annotations

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from socket import create_connection
from typing import Any

CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as to:
    to.sendall((" ".join(sys.argv[2:]) + "\\n").encode())
    answer = to.makefile().read()
if answer.startswith("error"):
    sys.exit(answer)
print(answer)
"""


@dataclass
class Balancer:
    port: int = 0
    out: set[str] = field(default_factory=set)
    """Drained servers."""
    down: set[str] = field(default_factory=set)
    running: dict[str, int] = field(default_factory=lambda: {"web1": 0, "web2": 0})
    """Requests in flight, by server."""
    heard: list[str] = field(default_factory=list)
    """The commands that change something, in order."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def states(self) -> dict[str, str]:
        return {
            name: "drained" if name in self.out else "down" if name in self.down else "ready" for name in self.running
        }

    def options(self) -> dict[str, Any]:
        """Of the pool driver `shell`."""
        ask = [sys.executable, "-S", "-c", CLIENT, str(self.port)]
        return {
            "drain": [*ask, "drain", "{server}", "{timeout}"],
            "ready": [*ask, "ready", "{server}"],
            "states": [*ask, "states"],
        }

    def answer(self, words: list[str], file: Any) -> str:
        with self.changed:
            match words:
                case ["states"]:
                    return "".join(f"{name} {state}\n" for name, state in self.states().items())
                case ["drain", name, limit]:
                    self.heard.append(f"drain {name}")
                    self.out.add(name)
                    if not self.changed.wait_for(lambda: self.running[name] == 0, float(limit)):
                        return f"error: {self.running[name]} requests still run on {name}"
                    return f"{name} is drained"
                case ["ready", name]:
                    self.heard.append(f"ready {name}")
                    self.out.discard(name)
                    if name in self.down:
                        return f"error: {name} is down"
                    return f"{name} is ready"
                case ["request", name]:
                    self.running[name] += 1
        file.write(b"runs\n")
        file.flush()
        file.readline()  # until the client has gone
        with self.changed:
            self.running[name] -= 1
            self.changed.notify_all()
        return ""

    @asynccontextmanager
    async def busy(self, name: str) -> Any:
        """A request to the server runs meanwhile."""
        with closing(create_connection(("127.0.0.1", self.port))) as request:
            request.sendall(f"request {name}\n".encode())
            assert request.recv(100) == b"runs\n"
            yield
            request.close()


@contextmanager
def balancer() -> Iterator[Balancer]:
    one = Balancer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):  # who asked may be killed meanwhile
                words = self.rfile.readline().decode().split()
                self.wfile.write(one.answer(words, self.request.makefile("rwb")).encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        one.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()
