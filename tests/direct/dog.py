"""A watchdog's process, and a coordinator's door that says what a test wants."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.direct.world import environment
from tests.stage import wait_for


class Dog:
    """`heard` is what it has said so far."""

    def __init__(self, state: Path, *options: str, **more: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pilotage", "watchdog", "--every", "0.5s", *options],
            env=environment(state, **more),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.heard += line

    def says(self, text: str, seconds: float = 30) -> None:
        wait_for(lambda: text in self.heard, seconds, lambda: f"{text!r} not in:\n{self.heard}")


@contextmanager
def a_dog(state: Path, *options: str, **more: str) -> Iterator[Dog]:
    dog = Dog(state, *options, **more)
    try:
        yield dog
    finally:
        dog.process.send_signal(signal.SIGCONT)
        dog.process.terminate()
        dog.process.wait(20)


def stays(weight: Callable[[], float], wanted: float, seconds: float) -> None:
    """The time itself is what is tested: nothing may happen in it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert weight() == wanted
        time.sleep(0.1)


class Door:
    """A coordinator as a watchdog sees it: answers `status` with `body` after `slow_s`, and keeps what it is told."""

    def __init__(self) -> None:
        self.status, self.kind, self.slow_s = 200, "application/json", 0.0
        self.answers: dict[str, Any] = {}
        self.told: list[dict[str, Any]] = []
        self.asked = 0
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door.asked += 1
                time.sleep(door.slow_s)
                self._answer(door.answers.get(self.path.split("?")[0], {}))

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if door.status == 200:
                    door.told.append(json.loads(sent["journal"]))
                self._answer({"rollout": "r"})

            def _answer(self, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(door.status)
                self.send_header("content-type", door.kind)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._handler = Handler
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def runs(self, rollout: str, snapshot: str) -> None:
        self.answers["/v1/watchdog"] = {"rollouts": [{"id": rollout, "silence_s": 2.0}]}
        self.answers[f"/v1/watchdog/rollouts/{rollout}"] = {"snapshot": snapshot}

    def open(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def shut(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def a_door() -> Iterator[Door]:
    door = Door()
    door.open()
    try:
        yield door
    finally:
        door.shut()
