"""A small world for whole-rollout tests: real commands as the splitter, real /metrics, a real coordinator.

The counters grow with the clock at a given rate and follow the weight file, so nothing has to send requests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pilotage.cli.client import Api, running

SET = """#!{python} -S
import pathlib, sys, time
here = pathlib.Path(__file__).parent
with open(here / "calls.log", "a") as log: log.write(sys.argv[2] + " begin\\n")
if (here / "broken").exists(): sys.exit("the splitter is broken")
if (here / "slow").exists(): time.sleep(float((here / "slow").read_text()))
(here / "weight.tmp").write_text(sys.argv[1])
(here / "weight.tmp").replace(here / "weight")
with open(here / "calls.log", "a") as log: log.write(sys.argv[2] + " end\\n")
"""
READ = """#!{python} -S
import pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "mute").exists(): sys.exit("the splitter does not answer")
print((here / "weight").read_text())
"""
PLAN = """
pilotage: 1
service: {service}
environment: test
version: "2.0"
previous: "1.0"
severity: P0
summary: a test
strategy: canary
known_bad: false
baseline: 1s
tick: 0.5s
phases: {phases}
traffic:
  - {{name: splitter, driver: shell, set: ["./set", "{{weight}}", "{{key}}"], read: ["./read"], timeout_s: 20}}
metrics:
  sources:
    app: {{driver: scrape, urls: ["http://127.0.0.1:{port}/metrics"]}}
  groups: {{canary: new, control: old}}
  errors: {{source: app, total: 'requests_total{{group="$group"}}', bad: 'errors_total{{group="$group"}}'}}
success: {{min_requests: 5}}
hold: {{deadline: {hold}, then: {then}}}
{more}
"""
PHASES = "[{weight: 10%, watch: 3s}, {weight: 50%, watch: 2s}, {weight: 100%, watch: 2s}]"


class Stage:
    def __init__(self, folder: Path, rate: float = 500.0) -> None:
        self.folder = folder
        self.rate = rate
        self.error_rate = {"old": 0.0, "new": 0.0}
        self.npe_rate = {"old": 0.0, "new": 0.0}
        self.up = True
        self.attempts: list[str] = []
        self.messages: list[dict[str, Any]] = []
        """What a webhook sink that refuses every other attempt has received."""
        self._counts = {"old": [0.0, 0.0, 0.0], "new": [0.0, 0.0, 0.0]}
        self._at = time.monotonic()
        self._lock = threading.Lock()
        (folder / "weight").write_text("0")
        (folder / "calls.log").write_text("")
        for name, text in (("set", SET), ("read", READ)):
            (folder / name).write_text(text.format(python=sys.executable))
            (folder / name).chmod(0o755)
        stage = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = stage.page().encode()
                self.send_response(200 if stage.up else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                failing = len(stage.attempts) % 2 == 0
                stage.attempts.append(self.headers["Idempotency-Key"])
                if not failing:
                    stage.messages.append(json.loads(body))
                self.send_response(503 if failing else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self) -> str:
        with self._lock:
            now = time.monotonic()
            passed, self._at = now - self._at, now
            canary = self.weight() / 100
            for group, share in (("new", canary), ("old", 1 - canary)):
                requests = self.rate * passed * share
                self._counts[group][0] += requests
                self._counts[group][1] += requests * self.error_rate[group]
                self._counts[group][2] += requests * self.npe_rate[group]
            lines = []
            for group, (requests, errors, npes) in self._counts.items():
                lines += [f'requests_total{{group="{group}"}} {requests}', f'errors_total{{group="{group}"}} {errors}']
                lines += [f'npe_total{{group="{group}"}} {npes}']
            return "\n".join(lines) + "\n"

    def served(self) -> float:
        """Requests of both groups, as of the last time somebody looked at the page."""
        with self._lock:
            return sum(requests for requests, *_ in self._counts.values())

    def weight(self) -> float:
        return float((self.folder / "weight").read_text())

    def calls(self) -> list[str]:
        return (self.folder / "calls.log").read_text().splitlines()

    def plan(
        self,
        service: str = "shop",
        phases: str = PHASES,
        hold: str = "20s",
        then: str = "rollback",
        more: str = "",
    ) -> dict[str, Any]:
        text = PLAN.format(service=service, phases=phases, hold=hold, then=then, more=more, port=self.port)
        return {"plan": text, "directory": str(self.folder), "file": "plan.yaml", "by": "tester", "reason": ""}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Local:
    """A coordinator of its own state folder; `up` and `kill` act on real processes by their ids."""

    def __init__(self, state: Path) -> None:
        self.state = state
        state.mkdir(exist_ok=True)
        self.api = Api(state, start_if_missing=False)
        self._child: subprocess.Popen[bytes] | None = None

    def up(self, port: int = 0) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        with (self.state / "coordinator.log").open("ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "pilotage", "up", "--quiet", "--port", str(port)],
                env={**environment, "PILOTAGE_STATE": str(self.state)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: running(self.state) is not None, 60, lambda: (self.state / "coordinator.log").read_text())

    def kill_worker(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def kill_engine(self) -> None:
        os.kill(json.loads((self.state / "engine.json").read_text())["pid"], signal.SIGKILL)

    def down(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(15)
            except subprocess.TimeoutExpired:
                self.kill_worker()
        with suppress(OSError, ValueError):
            self.kill_engine()

    def view(self, rollout: str) -> dict[str, Any]:
        view: dict[str, Any] = self.api.get(f"/v1/rollouts/{rollout}")
        return view

    def until(self, rollout: str, test: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def look() -> bool:
            seen.update(self.view(rollout))
            return test(seen)

        wait_for(look, seconds, lambda: json.dumps(seen, indent=1)[:3000], every_s=0.1)  # a look costs it 8 ms of CPU
        return seen

    def ended(self, rollout: str, seconds: float = 60) -> dict[str, Any]:
        return self.until(rollout, lambda view: view["ended_at"] is not None, seconds)


@contextmanager
def local(state: Path) -> Iterator[Local]:
    coordinator = Local(state)
    try:
        coordinator.up()
        yield coordinator
    finally:
        coordinator.down()


def wait_for(test: Callable[[], bool], seconds: float, tell: Callable[[], str] = str, every_s: float = 0.05) -> None:
    """Polls a real process; the deadline only ends a test that has failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if test():
            return
        time.sleep(every_s)
    raise AssertionError(f"not within {seconds} s: {tell()}")
