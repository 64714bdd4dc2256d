"""Rollouts that run while Pilotage is changed still go on: recorded histories replayed over today's code."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from pilotage import tracing
from pilotage.engine.temporal import sandbox
from pilotage.engine.threads import Threads
from pilotage.engine.workflow import RolloutWorkflow
from pilotage.tracing.otel import Ids, OtelMaker

HISTORIES = Path(__file__).parent / "histories"
NAMES = ["promoted", "rolled-back", "held-and-resumed"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_rollout_takes_the_same_decisions_again(name: str) -> None:
    replayer = Replayer(workflows=[RolloutWorkflow], data_converter=pydantic_data_converter, workflow_runner=sandbox())
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    result = await replayer.replay_workflow(history)
    assert result.replay_failure is None


@pytest.mark.parametrize("name", NAMES)
def test_a_history_is_small_and_names_no_machine(name: str) -> None:
    text = (HISTORIES / f"{name}.json").read_text()
    assert len(text) < 200_000
    assert "/work" not in text
    assert "/tmp" not in text
    assert "@" not in text.replace("@type", "")


@pytest.mark.parametrize("name", NAMES)
async def test_tracing_changes_no_decision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rollouts go on when it is switched on, or off, while they run."""
    told: list[str] = []
    provider = TracerProvider(id_generator=Ids())
    monkeypatch.setattr(tracing, "_maker", OtelMaker(provider))
    monkeypatch.setattr(tracing, "emit", lambda name, *_, **__: told.append(name))
    parts = {"data_converter": pydantic_data_converter, "workflow_runner": sandbox(), "interceptors": [Threads()]}
    replayer = Replayer(workflows=[RolloutWorkflow], **parts)  # type: ignore[arg-type]
    history = WorkflowHistory.from_json(name, (HISTORIES / f"{name}.json").read_text())
    assert (await replayer.replay_workflow(history)).replay_failure is None
    assert told == []
