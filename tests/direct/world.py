"""A rollout in the middle of a phase, and everything around it that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.stage import Local, Stage

PHASES = "[{weight: 10%, watch: 1s}, {weight: 50%, watch: 600s}, {weight: 100%, watch: 1s}]"
REDEPLOY = """
deploy: [{driver: shell, name: fleet, command: [./deploy, "{version}"]}]
rollback: {methods: [traffic, redeploy]}
"""
DEPLOY = '#!/bin/sh\necho "$1" >> "$(dirname "$0")/deployed"\n'


@dataclass(frozen=True)
class World:
    stage: Stage
    coordinator: Local

    @property
    def state(self) -> Path:
        return self.coordinator.state

    def start(self, until: float = 50, **plan: str) -> str:
        """A rollout that watches at `until` percent."""
        body = self.stage.plan(**{"phases": PHASES, **plan})
        (self.stage.folder / "plan.yaml").write_text(body["plan"])
        rollout = str(self.coordinator.api.post("/v1/rollouts", body)["id"])
        self.coordinator.until(rollout, lambda view: view["status"] == "watching" and self.stage.weight() == until)
        return rollout

    def kill_both(self) -> None:
        self.coordinator.kill_worker()
        self.coordinator.kill_engine()

    def rollback(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return pilotage(self, "rollback", *arguments, **environment)

    def record(self, rollout: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.coordinator.api.get(f"/v1/rollouts/{rollout}/events")
        return events

    def kinds(self, rollout: str) -> list[str]:
        return [one["event"]["kind"] for one in self.record(rollout)]

    def journals(self, rollout: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted((self.state / "direct" / rollout).glob("*.json"))]


def environment(state: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PILOTAGE_"))}
    return {**clean, "PILOTAGE_STATE": str(state), **more}


def pilotage(world: World, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments],
        cwd=world.stage.folder,
        env=environment(world.state, **more),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    (folder / "stage").mkdir()
    stage = Stage(folder / "stage")
    (stage.folder / "deploy").write_text(DEPLOY)
    (stage.folder / "deploy").chmod(0o755)
    coordinator = Local(folder / "state")
    try:
        coordinator.up()
        yield World(stage, coordinator)
    finally:
        coordinator.down()
        stage.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as one:
        yield one
