"""`explain`, `replay` and the report's picture on rollouts that were really run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stage import Local, Stage, local


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("state")) as one:
        yield one


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("stage"))
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def bad(coordinator: Local, stage: Stage) -> str:
    """A rollout that was rolled back by the judge."""
    stage.error_rate["new"] = 0.4
    rollout = str(coordinator.api.post("/v1/rollouts", stage.plan("bad"))["id"])
    assert coordinator.ended(rollout)["status"] == "rolled back"
    return rollout


def pilotage(coordinator: Local, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments],
        cwd=folder,
        env={**os.environ, "PILOTAGE_STATE": str(coordinator.state)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_samples_of_a_real_rollout_give_the_same_verdicts_to_the_tick(
    coordinator: Local, tmp_path: Path, bad: str
) -> None:
    done = pilotage(coordinator, tmp_path, "replay", bad, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["agrees"]) == (0, True), answer
    assert answer["verdicts"] == answer["same"] >= 5
    count = answer["verdicts"]
    assert pilotage(coordinator, tmp_path, "replay").stdout == f"{count} of {count} verdicts are the same\n"


def test_another_policy_says_what_would_have_happened(
    coordinator: Local, stage: Stage, tmp_path: Path, bad: str
) -> None:
    loose = stage.plan("bad", more="rollback_when: {errors: 90%}")["plan"]
    (tmp_path / "loose.yaml").write_text(loose.replace("watch: 3s", "watch: 30s"))
    done = pilotage(coordinator, tmp_path, "replay", bad, "--plan", "loose.yaml")
    assert done.returncode == 0, done.stderr
    assert "baseline: PROMOTE at tick 2, 1 s (as it was)" in done.stdout
    assert "10 %: " in done.stdout


def test_a_plan_that_does_not_fit_the_samples_ends_with_2(
    coordinator: Local, stage: Stage, tmp_path: Path, bad: str
) -> None:
    (tmp_path / "two.yaml").write_text(
        stage.plan(phases="[{weight: 20%, watch: 3s}, {weight: 100%, watch: 2s}]")["plan"]
    )
    done = pilotage(coordinator, tmp_path, "replay", bad, "--plan", "two.yaml")
    assert done.returncode == 2
    assert "has other phases (baseline, 20 %, 100 %) than were sampled (baseline, 10 %, 50 %, 100 %)" in done.stderr


def test_explain_begins_with_the_sentence_and_draws(coordinator: Local, tmp_path: Path, bad: str) -> None:
    done = pilotage(coordinator, tmp_path, "explain", bad, "-o", "picture.svg")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith("rolled back ")
    assert "after the shift to 10 %: errors 40.0%" in first
    assert any("<- this decided" in line for line in rest)
    assert rest[-1].startswith("Next: ")
    assert ET.parse(tmp_path / "picture.svg").getroot().tag.endswith("svg")


def test_the_report_has_its_picture_beside_it(coordinator: Local, tmp_path: Path, bad: str) -> None:
    done = pilotage(coordinator, tmp_path, "report", bad, "-o", "my report.md")
    assert done.returncode == 0, done.stderr
    assert "](<my%20report.svg>)" in (tmp_path / "my report.md").read_text()
    assert ET.parse(tmp_path / "my report.svg").getroot().tag.endswith("svg")
    assert "![" not in pilotage(coordinator, tmp_path, "report", bad).stdout
    assert json.loads(pilotage(coordinator, tmp_path, "report", bad, "--json").stdout)["picture"].startswith("<svg")


def test_a_running_rollout_is_explained_too(coordinator: Local, stage: Stage, tmp_path: Path, bad: str) -> None:
    stage.error_rate["new"] = 0.0
    (stage.folder / "weight").write_text("0")
    phases = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]"
    rollout = str(coordinator.api.post("/v1/rollouts", stage.plan("going", phases=phases))["id"])
    early = pilotage(coordinator, tmp_path, "explain", rollout)
    assert (early.returncode, early.stderr) == (0, "")
    coordinator.until(rollout, lambda view: view["phase"] == 1 and view["progress"] > 0)
    running = pilotage(coordinator, tmp_path, "explain")
    assert running.stdout.startswith("nothing against phase 10 % so far: waits for the rest of the watch")
    assert pilotage(coordinator, tmp_path, "replay", rollout).returncode == 0
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann", "reason": "enough"})
    assert pilotage(coordinator, tmp_path, "explain", rollout).stdout.startswith("rolled back by ann ")


def test_a_rollout_that_is_not_there_is_said_in_a_sentence(coordinator: Local, tmp_path: Path) -> None:
    for command in ("explain", "replay"):
        done = pilotage(coordinator, tmp_path, command, "nobody")
        assert done.returncode == 2
        assert "there is no rollout 'nobody'" in done.stderr
