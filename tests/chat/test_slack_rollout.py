"""Whole rollouts of a real coordinator, as a team sees them in Slack and acts on them there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat import team
from tests.chat.contract import People, Workspace
from tests.chat.team import ANN, BOB, STRANGER, TESTER, VIC
from tests.drivers.served import serve
from tests.stage import Local, Stage, local, wait_for

LONG = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]"
GATED = "[{weight: 10%, watch: 2s}, {weight: 50%, watch: 60s, approval: true}, {weight: 100%, watch: 2s}]"


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Workspace]:
    with serve(Workspace()) as running:
        for name, value in team.environment(running).items():
            monkeypatch.setenv(name, value)
        settings = tmp_path / "settings.yaml"
        settings.write_text(json.dumps(team.settings(running)))
        monkeypatch.setenv("PILOTAGE_SETTINGS", str(settings))
        yield running


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    found = Stage(folder)
    yield found
    found.close()


@pytest.fixture
def coordinator(workspace: Workspace, tmp_path: Path) -> Iterator[Local]:
    with local(tmp_path / "state") as found:
        yield found


def people(workspace: Workspace, coordinator: Local) -> People:
    return People(workspace, json.loads((coordinator.state / "coordinator.json").read_text())["url"])


def begun(workspace: Workspace, coordinator: Local, stage: Stage, **plan: str) -> str:
    """A rollout whose message is there."""
    before = len(workspace.messages())
    rollout = coordinator.api.post("/v1/rollouts", stage.plan(**plan))["id"]
    wait_for(lambda: len(workspace.messages()) > before, 10)
    return str(rollout)


def test_a_whole_rollout_is_one_message_edited_in_place_with_its_thread_in_order(
    workspace: Workspace, coordinator: Local, stage: Stage
) -> None:
    rollout = begun(workspace, coordinator, stage)
    assert coordinator.ended(rollout)["status"] == "promoted"
    wait_for(lambda: "✓ promoted" in workspace.words() and len(workspace.thread()) == 6, 15, workspace.words)
    assert len(workspace.messages()) == 1
    assert workspace.thread() == [
        "shop 2.0: rollout started in test",
        "shop 2.0: phase baseline passed",
        "shop 2.0: phase 10 % passed",
        "shop 2.0: phase 50 % passed",
        "shop 2.0: phase 100 % passed",
        "shop 2.0: complete in test",
    ]
    assert "✓ baseline   ✓ 10 %   ✓ 50 %   ✓ 100 %" in workspace.words()
    assert workspace.buttons() == ["Open in Pilotage"]
    times = [at for at, _, _ in workspace.edits]
    assert all(later - sooner > 2.9 for sooner, later in zip(times, times[1:], strict=False)), times
