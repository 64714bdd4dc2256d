"""A day passes in seconds: the time-skipping server for the workflow's timers, a clock of our own for the watch."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from pilotage import planfile
from pilotage.core.model import Plan
from pilotage.core.state import Command, Status, fold
from pilotage.drivers import Point
from pilotage.engine import Order, Start
from pilotage.engine.activities import Activities
from pilotage.engine.temporal import TemporalEngine, worker
from pilotage.store import Store, queries
from tests.stage import PLAN

DAY = "[{weight: 10%, watch: 8h}, {weight: 50%, watch: 8h}, {weight: 100%, watch: 8h}]"


class OwnClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds


class OwnCrew:
    """A splitter and counters that follow the test's clock."""

    def __init__(self, plan: Plan, clock: OwnClock) -> None:
        self.plan = plan
        self.sources: Any = {"app": self}
        self._clock = clock
        self._weight = 0.0
        self._seen = 0.0
        self._counts = {"new": 0.0, "old": 0.0}
        self.behind_s = 0.0
        self._past = [(0.0, self._counts.copy())]

    def traffic(self, _: str) -> OwnCrew:
        return self

    async def set_weight(self, weight: float, _: object) -> float:
        self._count()
        self._weight = weight
        return weight

    async def read_weight(self) -> float:
        return self._weight

    async def read(self, selectors: list[str]) -> list[list[Point]]:
        self._count()
        known = [counts for at, counts in self._past if at <= self._clock.now() - self.behind_s]
        counts = known[-1] if known else self._past[0][1]
        values = [0.0 if one.startswith("errors") else counts["new" if "new" in one else "old"] for one in selectors]
        return [[Point({}, value)] for value in values]

    def _count(self) -> None:
        while (now := self._clock.now()) > self._seen:
            until = min(now, self._seen + 60)
            requests, self._seen = 50 * (until - self._seen), until
            self._counts["new"] += requests * self._weight / 100
            self._counts["old"] += requests * (1 - self._weight / 100)
            self._past.append((until, self._counts.copy()))

    async def close(self) -> None:
        pass


class OwnActivities(Activities):
    async def _crew(self, rollout: str) -> Any:
        if rollout not in self._crews:
            row = await self._store.run(queries.get_rollout, rollout)
            self._crews[rollout] = OwnCrew(row.plan, self._clock)  # type: ignore[assignment, arg-type]
        return self._crews[rollout]


@pytest.fixture
async def environment() -> AsyncIterator[WorkflowEnvironment]:
    binary = shutil.which("temporal-test-server") or str(Path(sys.executable).parent / "temporal-test-server")
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=pydantic_data_converter, test_server_existing_path=binary
    ) as one:
        yield one


@pytest.fixture
def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'p.db'}")
    store.migrate()
    yield store  # type: ignore[misc]
    store.close()


def day_plan(folder: Path, phases: str = DAY) -> Plan:
    for name in ("set", "read"):
        (folder / name).touch(0o755)
    text = PLAN.format(service="shop", phases=phases, hold="20s", then="rollback", more="", port=1)
    return planfile.load(
        text.replace("tick: 0.5s", "tick: 60s").replace("baseline: 1s", "baseline: 60s"), directory=folder
    )


async def test_a_day_long_rollout_is_promoted(environment: WorkflowEnvironment, store: Store, tmp_path: Path) -> None:
    clock = OwnClock()
    plan = day_plan(tmp_path)
    await store.run(queries.create_rollout, "r", plan, "", "ann", "", 0.0)
    async with worker(environment.client, OwnActivities(store, tmp_path, clock)):
        await TemporalEngine(environment.client).start(Start("r", plan, "ann"))
        assert await environment.client.get_workflow_handle("r").result() == "promoted"
    assert clock.now() >= 24 * 3600
    assert len(await store.run(queries.samples_of, "r")) == 3 * 481 + 2
    assert not await store.run(queries.list_rollouts, active_only=True)


class LateActivities(OwnActivities):
    """The source's numbers are five minutes old."""

    async def _crew(self, rollout: str) -> Any:
        crew = await super()._crew(rollout)
        crew.behind_s = 300.0
        return crew


async def test_a_phase_is_watched_from_when_the_numbers_know_of_its_traffic(
    environment: WorkflowEnvironment, store: Store, tmp_path: Path
) -> None:
    plan = day_plan(tmp_path, "[{weight: 10%, watch: 30m}, {weight: 50%, watch: 30m}, {weight: 100%, watch: 30m}]")
    await store.run(queries.create_rollout, "r", plan, "", "ann", "", 0.0)
    async with worker(environment.client, LateActivities(store, tmp_path, OwnClock())):
        await TemporalEngine(environment.client).start(Start("r", plan, "ann"))
        assert await environment.client.get_workflow_handle("r").result() == "promoted"
    record = [one.event.kind for one in await store.run(queries.events_of, "r")]
    assert "held" not in record, "the first ticks after a shift showed the share of before"


async def test_an_approval_may_come_a_day_later(environment: WorkflowEnvironment, store: Store, tmp_path: Path) -> None:
    plan = day_plan(tmp_path, "[{weight: 10%, watch: 1h, approval: true}, {weight: 100%, watch: 1h}]")
    await store.run(queries.create_rollout, "r", plan, "", "ann", "", 0.0)
    async with worker(environment.client, OwnActivities(store, tmp_path, OwnClock())):
        engine = TemporalEngine(environment.client)
        await engine.start(Start("r", plan, "ann"))
        while fold(await store.run(queries.events_of, "r")).status is not Status.AWAITING_APPROVAL:
            await environment.sleep(1)
        await environment.sleep(24 * 3600)
        outcome = await engine.command("r", Order(Command.APPROVE, "ann"))
        assert outcome.done
        assert await environment.client.get_workflow_handle("r").result() == "promoted"
