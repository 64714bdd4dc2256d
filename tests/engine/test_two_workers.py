"""Two worker processes, one Temporal, one store: kill -9 of the one that watches, and the other goes on."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotage.coordinator import Coordinator
from pilotage.engine.embedded import find_binary, free_port
from pilotage.engine.temporal import TemporalEngine, connect_when_up
from pilotage.store import Store, open_store
from tests.stage import Stage

Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    children: list[subprocess.Popen[bytes]] = []

    def one(*argv: str, **environment: str) -> subprocess.Popen[bytes]:
        with (tmp_path / "children.log").open("ab") as log:
            children.append(subprocess.Popen(argv, env={**os.environ, **environment}, stdout=log, stderr=log))
        return children[-1]

    yield one
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "state").mkdir()
    store = open_store(tmp_path / "state")
    yield store
    store.close()


async def test_the_other_worker_goes_on_with_the_watch(
    spawn: Spawn, stage: Stage, store: Store, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    spawn(find_binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", address.split(":")[1])
    coordinator = Coordinator(store, TemporalEngine(await connect_when_up(address)), tmp_path / "state")
    work = (sys.executable, "-m", "pilotage", "worker")
    where = {"TEMPORAL_ADDRESS": address, "PILOTAGE_STATE": str(tmp_path / "state")}

    first = spawn(*work, **where)
    plan = stage.plan(phases="[{weight: 10%, watch: 10s}, {weight: 100%, watch: 2s}]")
    read = await coordinator.read(plan["plan"], plan["directory"], "")
    rollout = await coordinator.start(read, plan["plan"], "", "ann")
    await until(coordinator, rollout, lambda view: view["phase"] == 1 and view["progress"] > 0.2)
    spawn(*work, **where)
    first.kill()

    view = await until(coordinator, rollout, lambda view: view["ended_at"] is not None)
    assert (view["status"], stage.weight()) == ("promoted", 100)
    events = await coordinator.telling.events(rollout)
    assert [one["number"] for one in events] == list(range(len(events)))
    assert set(Counter(stage.calls()).values()) == {1}


def test_a_worker_without_an_engine_says_what_it_needs(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    done = subprocess.run(
        [sys.executable, "-m", "pilotage", "worker"],
        env={**environment, "PILOTAGE_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "a worker needs TEMPORAL_ADDRESS" in done.stderr


async def until(coordinator: Coordinator, rollout: str, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Polls real processes; the test's own time limit ends a test that has failed."""
    while True:
        view = await coordinator.telling.view(rollout)
        if test(view):
            return view
        await asyncio.sleep(0.1)
