"""Rollouts as the store has them, written event by event: nothing runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pilotage.core import events as ev
from pilotage.core.events import Recorded
from pilotage.store import Store, queries
from tests.engine.test_long_rollouts import day_plan

EVENTS = (
    ev.RolloutStarted("a test"),
    ev.PhaseStarted(0, "canary", 10.0),
    ev.WeightSet("splitter", 10.0, 10.0, 0.1, "1"),
)
AT = 1_790_000_000.0


async def add_rollout(
    store: Store, folder: Path, name: str, service: str = "", at: float = AT, environment: str = "test"
) -> str:
    """Under way at 10 %: three events."""
    plan = replace(day_plan(folder), service=service or name, environment=environment)
    await store.run(queries.create_rollout, name, plan, "", "ann", "a test", at)
    for number, event in enumerate(EVENTS):
        await store.run(queries.append_event, Recorded(name, number, at + number, "ann", event))
    return name


async def tell(store: Store, name: str, number: int, event: ev.Event, at: float = AT + 60) -> None:
    await store.run(queries.append_event, Recorded(name, number, at, "pilotage", event))
