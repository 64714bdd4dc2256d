"""A second person's yes, and the audit log, on a real coordinator: the commands as they are typed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage import Local, Stage, local

APPROVED = "checklist: [{id: approved, part: preparation, text: a second person has approved, check: approved}]"
PHASES = "[{weight: 10%, watch: 3s}, {weight: 100%, watch: 2s, approval: true}]"


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("state")) as one:
        yield one


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def typed(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *words],
        env={**os.environ, "PILOTAGE_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(stage: Stage, service: str, more: str, phases: str = "") -> Path:
    found = stage.plan(service, more=more, **({"phases": phases} if phases else {}))
    file = stage.folder / "plan.yaml"
    file.write_text(found["plan"])
    return file


def test_a_start_is_asked_for_seen_and_approved_from_the_file_that_was_read(coordinator: Local, stage: Stage) -> None:
    file = written(stage, "asked", APPROVED)
    asked = typed(coordinator.state, "request-approval", str(file), "--note", "it cannot wait")
    assert asked.returncode == 0, asked.stderr
    waits = typed(coordinator.state, "approvals")
    assert "it cannot wait" in waits.stdout
    name = json.loads(typed(coordinator.state, "approvals", "--json").stdout)["starts"][0]["subject"]
    given = typed(coordinator.state, "approve", str(file), "--reason", "looked at it")
    assert given.returncode == 0, given.stderr
    assert f"{name} is approved by" in given.stdout
    assert name not in typed(coordinator.state, "approvals").stdout


def test_a_file_that_was_changed_meanwhile_is_not_approved(coordinator: Local, stage: Stage) -> None:
    file = written(stage, "changed", APPROVED)
    name = json.loads(typed(coordinator.state, "request-approval", str(file), "--json").stdout)["subject"]
    file.write_text(file.read_text().replace("watch: 3s", "watch: 4s"))
    given = typed(coordinator.state, "approve", str(file))
    assert given.returncode != 0
    assert name in typed(coordinator.state, "approvals").stdout


def test_a_start_can_be_refused(coordinator: Local, stage: Stage) -> None:
    file = written(stage, "refused", APPROVED)
    name = json.loads(typed(coordinator.state, "request-approval", str(file), "--json").stdout)["subject"]
    said = typed(coordinator.state, "refuse", name, "--reason", "not on a Friday")
    assert "is refused by" in said.stdout, said.stderr
    again = typed(coordinator.state, "refuse", name)
    assert again.returncode == 2
    assert "nobody has asked" in again.stderr


def test_a_phase_is_approved_as_it_is_shown(coordinator: Local, stage: Stage) -> None:
    rollout = coordinator.api.post("/v1/rollouts", stage.plan("phases", phases=PHASES))["id"]
    coordinator.until(rollout, lambda view: view["asked_phase"] is not None)
    assert rollout in typed(coordinator.state, "approvals").stdout
    given = typed(coordinator.state, "approve", rollout)
    assert given.returncode == 0, given.stderr
    assert coordinator.ended(rollout)["status"] == "promoted"


def test_who_reports_trouble_for_somebody_is_who_they_say_without_a_login(coordinator: Local, stage: Stage) -> None:
    rollout = coordinator.api.post("/v1/rollouts", stage.plan("trouble", phases=PHASES))["id"]
    coordinator.until(rollout, lambda view: view["status"] == "watching")
    assert typed(coordinator.state, "report-trouble", rollout, "it is slow", "--by", "Bob").returncode == 0
    events = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
    told = [(one["by"], one["event"]["reason"]) for one in events if one["event"]["kind"] == "trouble_reported"]
    assert told == [("Bob", "it is slow")]
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})


def test_the_audit_log_says_who_did_what_and_is_verified_also_without_a_coordinator(
    tmp_path: Path, stage: Stage
) -> None:
    state = tmp_path / "own"
    with local(state) as own:
        own.api.post("/v1/freezes", {"reason": "the end of the year", "by": "ann"})
        listed = typed(state, "audit", "list")
        assert "ann (local): freeze * in *: done" in listed.stdout
        assert json.loads(typed(state, "audit", "list", "--by", "bob", "--json").stdout) == []
        good = typed(state, "audit", "verify", "--json")
        assert good.returncode == 0
        head = json.loads(good.stdout)["head"]
        own.api.post("/v1/freezes", {"reason": "and the next", "by": "ann"})
        assert typed(state, "audit", "verify", "--expect", head).returncode == 0
        assert typed(state, "audit", "verify", "--expect", "0" * 64).returncode == 1
    alone = typed(state, "audit", "verify", "--expect", head)
    assert (alone.returncode, alone.stdout.partition(":")[0]) == (0, "All is as it was written"), alone.stderr
    with sqlite3.connect(state / "pilotage.db") as database:
        database.execute("UPDATE audit SET by = 'bob' WHERE what = 'freeze'")
    changed = typed(state, "audit", "verify")
    assert changed.returncode == 1
    assert "(freeze of * in *) was changed" in changed.stderr


def test_without_a_database_there_is_nothing_to_verify(tmp_path: Path) -> None:
    said = typed(tmp_path / "empty", "audit", "verify")
    assert said.returncode == 2
    assert "there is no database" in said.stderr
