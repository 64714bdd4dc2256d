"""A rollout in the middle of a phase: with everything around it that can be killed, or what is left of it then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pilotage import planfile
from pilotage.cli.client import running
from pilotage.handover import snapshots
from pilotage.handover.snapshots import Snapshot
from tests.stage import Local, Stage, local

PHASES = "[{weight: 10%, watch: 1s}, {weight: 50%, watch: 600s}, {weight: 100%, watch: 1s}]"
REDEPLOY = """
deploy: [{driver: shell, name: fleet, command: [./deploy, "{version}"]}]
rollback: {methods: [traffic, redeploy]}
"""
ROLLING = """
rolling: {servers: [web1, web2, web3], watch: 600s}
deploy: [{driver: shell, command: [./deploy, "{server}-{version}"]}]
"""
DEPLOY = '#!/bin/sh\necho "$1" >> "$(dirname "$0")/deployed"\n'


@dataclass(frozen=True)
class Remains:
    """What a killed coordinator leaves: a snapshot of the rollout, and splitters that nobody watches."""

    stage: Stage
    state: Path
    rollout: str = "shop-0101-020304-abcd"

    def leave(self, weight: float = 50, more: str = "", **plan: str) -> None:
        body = self.stage.plan(**{"phases": PHASES, "more": more, **plan})
        (self.stage.folder / "plan.yaml").write_text(body["plan"])
        compiled = planfile.load(body["plan"], directory=self.stage.folder, secrets=False)
        snapshots.keep(self.state, Snapshot(self.rollout, compiled, time.time(), "tester"))
        (self.stage.folder / "weight").write_text(f"{weight:g}")

    def leave_rolling(self) -> None:
        """Three servers, of which nobody knows how many were changed."""
        text = self.stage.plan(more=ROLLING)["plan"].replace("strategy: canary", "strategy: rolling")
        gone = ("phases:", "traffic:", "  - {name: splitter")
        text = "\n".join(line for line in text.splitlines() if not line.startswith(gone))
        (self.stage.folder / "plan.yaml").write_text(text)
        compiled = planfile.load(text, directory=self.stage.folder)
        snapshots.keep(self.state, Snapshot(self.rollout, compiled, time.time(), "tester"))

    def pilotage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return pilotage(self.stage.folder, self.state, *arguments, **more)

    def rollback(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.pilotage("rollback", *arguments, **more)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A rollback that runs; what it tells is in its stdout."""
        return subprocess.Popen(
            [sys.executable, "-m", "pilotage", "rollback", *arguments],
            cwd=self.stage.folder,
            env=environment(self.state),
            stdout=subprocess.PIPE,
            text=True,
        )

    def journals(self, rollout: str = "") -> list[dict[str, Any]]:
        folder = self.state / "direct" / (rollout or self.rollout)
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    def mark(self, name: str, text: str = "") -> Path:
        """A file that changes how the splitter behaves: ``broken``, ``slow``."""
        file = self.stage.folder / name
        file.write_text(text)
        return file


@dataclass(frozen=True)
class World(Remains):
    """With a coordinator."""

    coordinator: Local = field(kw_only=True)
    service: str = field(kw_only=True)

    def start(self, until: float = 50, **plan: str) -> str:
        """A rollout that watches at `until` percent."""
        body = self.stage.plan(**{"service": self.service, "phases": PHASES, **plan})
        (self.stage.folder / "plan.yaml").write_text(body["plan"])
        rollout = str(self.coordinator.api.post("/v1/rollouts", body)["id"])
        self.coordinator.until(rollout, lambda view: view["status"] == "watching" and self.stage.weight() == until)
        return rollout

    def kill_both(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(self.pid, signal.SIGKILL)  # a command may have started it in the place of ours
        self.coordinator.kill_worker()
        self.coordinator.kill_engine()

    @property
    def pid(self) -> int:
        return int(json.loads((self.state / "coordinator.json").read_text())["pid"])

    def record(self, rollout: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.coordinator.api.get(f"/v1/rollouts/{rollout}/events")
        return events

    def kinds(self, rollout: str) -> list[str]:
        return [one["event"]["kind"] for one in self.record(rollout)]


def environment(state: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PILOTAGE_"))}
    return {**clean, "PILOTAGE_STATE": str(state), **more}


def pilotage(folder: Path, state: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments],
        cwd=folder,
        env=environment(state, **more),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@contextmanager
def a_stage(folder: Path) -> Iterator[Stage]:
    folder.mkdir()
    stage = Stage(folder)
    (folder / "deploy").write_text(DEPLOY)
    (folder / "deploy").chmod(0o755)
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def remains(tmp_path: Path) -> Iterator[Remains]:
    (tmp_path / "state").mkdir()
    with a_stage(tmp_path / "stage") as stage:
        yield Remains(stage, tmp_path / "state")


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    state = tmp_path_factory.mktemp("state")
    with local(state) as one:
        yield one
        pilotage(state, state, "down")  # a command may have started another one


_numbers = count()


@pytest.fixture
def world(tmp_path: Path, coordinator: Local) -> Iterator[World]:
    """A service of its own, beside a coordinator that is up, whatever the test before has done to it."""
    if running(coordinator.state) is None:
        coordinator.up()
    with a_stage(tmp_path / "stage") as stage:
        yield World(stage, coordinator.state, coordinator=coordinator, service=f"shop{next(_numbers)}")
