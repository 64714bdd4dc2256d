"""Whole rollouts that other tools speak of, through a real coordinator; and webhooks by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pilotage.cli.main import cli
from tests.server.hookbodies import alert, alertmanager, workflow_run
from tests.server.hooking import hook, with_settings
from tests.server.hookworld import SECRET
from tests.server.receiver import SECRET as SIGNING
from tests.server.receiver import Receiver, receiver
from tests.stage import Local, Stage, wait_for

LONG = "[{weight: 10%, watch: 120s}, {weight: 100%, watch: 2s}]"
CHECKLIST = "checklist: [{id: build, part: technical, text: The build is green}]"


@pytest.fixture(scope="module")
def there() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory, there: Receiver) -> Iterator[Local]:
    secret = {"env": "HOOK_SECRET"}
    hooks = {
        "ci": {"kind": "built", "secret": secret},
        "alerts": {"kind": "firing", "secret": secret},
        "pager": {"kind": "firing", "then": "rollback", "secret": secret},
        "tickets": {"kind": "reports", "secret": secret},
    }
    webhooks = [
        {"name": "ops", "url": there.url, "secret": {"env": "SIGNING_SECRET"}},
        {"name": "nobody", "url": "http://127.0.0.1:9/", "secret": {"env": "SIGNING_SECRET"}},
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK_SECRET", SECRET)
        patch.setenv("SIGNING_SECRET", SIGNING)
        folder = tmp_path_factory.mktemp("team")
        with with_settings(folder, patch, hooks=hooks, webhooks=webhooks) as one:
            yield one


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def watching(coordinator: Local, stage: Stage, service: str) -> str:
    rollout = str(coordinator.api.post("/v1/rollouts", stage.plan(service, phases=LONG, hold="60s"))["id"])
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["weight_in_force"] == 10)
    return rollout


def test_a_firing_alert_holds_a_rollout_and_trouble_on_top_asks_a_person(coordinator: Local, stage: Stage) -> None:
    rollout = watching(coordinator, stage, "held")
    answer = hook(coordinator, "alerts", alertmanager(alert(service="held", environment="test")), SECRET)
    assert answer.status_code == 200, answer.text
    view = coordinator.view(rollout)
    assert view["status"] == "held"
    assert view["reason"].startswith("ErrorsHigh")
    for number in range(3):
        body = {"service": "held", "environment": "test", "text": f"ticket {number}", "count": 5}
        assert hook(coordinator, "tickets", body, SECRET).status_code == 200
    assert coordinator.view(rollout)["needs_person"]
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester"})
    coordinator.ended(rollout)


def test_a_pager_rolls_back(coordinator: Local, stage: Stage) -> None:
    rollout = watching(coordinator, stage, "paged")
    assert stage.weight() == 10
    answer = hook(coordinator, "pager", alertmanager(alert(service="paged", environment="test")), SECRET)
    assert answer.status_code == 200
    assert coordinator.ended(rollout)["status"] == "rolled back"
    assert stage.weight() == 0
    again = hook(coordinator, "pager", alertmanager(alert(service="paged", environment="test")), SECRET)
    assert again.status_code == 202


def test_a_green_build_lets_a_plan_begin(coordinator: Local, stage: Stage) -> None:
    body = stage.plan("built", more=CHECKLIST)
    known = coordinator.api.post("/v1/plans", {name: one for name, one in body.items() if name != "reason"})["id"]
    assert hook(coordinator, "ci", {"service": "built", "version": "2.0", "ok": True}, SECRET).status_code == 200
    items = {one["id"]: one for one in coordinator.api.get(f"/v1/plans/{known}")["items"]}
    assert items["build"]["mark"] == "done"
    assert items["build"]["by"] == "hook:ci"
    rollout = coordinator.api.post(f"/v1/plans/{known}/start", {"by": "ann"})["id"]
    assert coordinator.ended(rollout)["status"] == "promoted"
    late = hook(coordinator, "ci", workflow_run(head_branch="v2.0"), SECRET)
    assert late.status_code == 202


def test_the_command_line_shows_tests_and_replays_webhooks(
    coordinator: Local, stage: Stage, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILOTAGE_STATE", str(coordinator.state))
    run = CliRunner().invoke
    wait_for(lambda: "ops at 127.0.0.1: 0 events wait\n" in run(cli, ["webhooks"]).output, 20)
    body = stage.plan("told", more=CHECKLIST)
    coordinator.api.post("/v1/plans", {name: one for name, one in body.items() if name != "reason"})
    wait_for(lambda: any(one.told["type"] == "plan.plan_registered" for one in there.taken), 10)
    wait_for(lambda: "connection refused" in run(cli, ["webhooks"]).output, 10)
    wait_for(lambda: "ops at 127.0.0.1: 0 events wait\n" in run(cli, ["webhooks"]).output, 20)
    shown = json.loads(run(cli, ["webhooks", "--json"]).output)
    assert [(one["name"], bool(one["waiting"]), bool(one["attempts"])) for one in shown] == [
        ("ops", False, False),
        ("nobody", True, True),
    ]
    assert "webhook      nobody at 127.0.0.1" in run(cli, ["doctor"]).output
    tested = run(cli, ["webhooks", "test", "ops"])
    assert tested.output.startswith("ops took it with 204"), tested.output
    assert there.calls[-1].told["type"] == "ping"
    assert there.calls[-1].is_signed()
    before = len(there.taken)
    replayed = run(cli, ["webhooks", "replay", "ops", "--from", "1"])
    assert "from entry 1 on" in replayed.output
    wait_for(lambda: len(there.taken) > before, 10)
    assert there.taken[before].id == there.taken[0].id
    for wrong in (["test", "nobody"], ["test", "none"], ["replay", "ops", "--from", "99999999"]):
        failed = run(cli, ["webhooks", *wrong])
        assert failed.exception is not None, wrong
