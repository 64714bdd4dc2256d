"""Records the workflow histories that the replay test runs over: `.venv/bin/python -m tests.engine.record_histories`.

Only after a change that running rollouts survive by other means (a patch, or none running).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from pilotage.core.state import Command, Status, fold
from pilotage.drivers import Point
from pilotage.engine import Order, Start
from pilotage.engine.temporal import TemporalEngine, worker
from pilotage.store import Store, queries
from tests.engine.test_long_rollouts import OwnActivities, OwnClock, OwnCrew, day_plan

FOLDER = Path(__file__).parent / "histories"
SHORT = "[{weight: 10%, watch: 20m}, {weight: 100%, watch: 5m}]"


class SlowClock(OwnClock):
    """Leaves a person time for a command."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.005)
        await super().sleep(seconds)


class BadCrew(OwnCrew):
    async def read(self, selectors: list[str]) -> list[list[Point]]:
        answers = await super().read(selectors)
        canary = next(points[0].value for one, points in zip(selectors, answers, strict=True) if "new" in one)
        return [
            [Point({}, canary / 2)] if one.startswith("errors") and "new" in one else points
            for one, points in zip(selectors, answers, strict=True)
        ]


class BadActivities(OwnActivities):
    async def _crew(self, rollout: str) -> Any:
        if rollout not in self._crews:
            row = await self._store.run(queries.get_rollout, rollout)
            self._crews[rollout] = BadCrew(row.plan, self._clock)  # type: ignore[assignment, arg-type]
        return self._crews[rollout]


async def main() -> None:
    binary = shutil.which("temporal-test-server") or str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=binary
    ) as environment:
        await record(environment, "promoted", OwnActivities, "promoted")
        await record(environment, "rolled-back", BadActivities, "rolled back")
        await record(environment, "held-and-resumed", OwnActivities, "promoted", (Command.HOLD, Command.RESUME))


async def record(
    environment: WorkflowEnvironment,
    name: str,
    kind: type[OwnActivities],
    status: str,
    orders: tuple[Command, ...] = (),
) -> None:
    with tempfile.TemporaryDirectory() as place:
        plan = replace(day_plan(Path(place), SHORT), directory="/plans/shop")
        store = Store(f"sqlite:///{place}/p.db")
        store.migrate()
        await store.run(queries.create_rollout, name, plan, "", "ann", "", 0.0)
        engine = TemporalEngine(environment.client)
        async with worker(environment.client, kind(store, Path(place), SlowClock())):
            await engine.start(Start(name, plan, "ann"))
            if orders:
                while (state := fold(await store.run(queries.events_of, name))).phase != 1 or (
                    state.status is not Status.WATCHING
                ):
                    await asyncio.sleep(0.05)
            for order in orders:
                await engine.command(name, Order(order, "ann"))
            handle = environment.client.get_workflow_handle(name)
            assert await handle.result() == status
            history = json.loads((await handle.fetch_history()).to_json())
        store.close()
    text = json.dumps(without_machine(history), indent=1)
    assert place not in text
    (FOLDER / f"{name}.json").write_text(text + "\n")


def without_machine(value: Any) -> Any:
    """Process ids and host names stay at home."""
    if isinstance(value, dict):
        return {key: "worker" if key == "identity" else without_machine(one) for key, one in value.items()}
    return [without_machine(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    asyncio.run(main())
