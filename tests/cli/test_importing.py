"""`pilotage import`, as a person and as a program meet it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.cli.test_commands import pilotage

FILES = Path(__file__).parents[1] / "importing" / "files"
SAID = ["--environment", "production", "--severity", "P1", "--version", "2.4.1", "--previous", "2.4.0"]
SAID += ["--summary", "payment null pointer", "--traffic", "5M/day", "--on-call", "Ann Example @ann"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FILES, tmp_path / "here")
    return tmp_path / "here"


def test_what_is_said_by_options_is_not_asked(folder: Path) -> None:
    done = pilotage(folder, "import", "flagger", "canary.yaml", *SAID, "--known-bad", "no", "--json")
    answer = json.loads(done.stdout)
    assert answer["missing"] == []
    assert not answer["ready"]
    assert done.returncode == 2
    looked = {one["path"] for one in answer["notes"] if one["look"]}
    assert looked == {"spec.analysis.webhooks[2]", "spec.analysis.webhooks[4]"}
    assert answer["brief"]["services"][0]["value"] == "payment"


def test_a_plan_without_anything_open_ends_with_0(folder: Path) -> None:
    file = folder / "canary.yaml"
    kept = [one for one in file.read_text().splitlines() if "name: load" not in one and "name: way back" not in one]
    file.write_text("\n".join(kept))
    done = pilotage(folder, "import", "flagger", "canary.yaml", *SAID, "--known-bad", "no")
    assert done.returncode == 0, done.stderr
    assert "spec.autoscalerRef: no equal: stays in the cluster" in done.stderr
    assert "severity: P1  # as you said" in done.stdout
    assert "service: payment  # from metadata.name" in done.stdout


def test_wrong_files_write_nothing(folder: Path) -> None:
    (folder / "rollout.yaml").write_text("kind: [")
    done = pilotage(folder, "import", "argo", "rollout.yaml", "-o", "plan.yaml")
    assert done.returncode == 2
    assert "rollout.yaml: line" in done.stderr
    assert not (folder / "plan.yaml").exists()
    answer = json.loads(pilotage(folder, "import", "argo", "rollout.yaml", "--json").stdout)
    assert answer["type"] == "PlanError"


def test_what_is_there_is_not_overwritten(folder: Path) -> None:
    (folder / "plan.yaml").write_text("mine")
    done = pilotage(folder, "import", "argo", "rollout.yaml", "-o", "plan.yaml")
    assert done.returncode == 2
    assert "plan.yaml exists already" in done.stderr


def test_the_written_plan_can_be_read_as_a_document_and_checked(folder: Path) -> None:
    pilotage(folder, "import", "argo", "rollout.yaml", "analysis.yaml", "-o", "plan.yaml")
    checked = pilotage(folder, "check", "plan.yaml")
    assert checked.returncode == 2
    assert "known_bad: expected true when the running version is the sick one" in checked.stderr


def test_a_namespace_is_one(folder: Path) -> None:
    done = pilotage(folder, "import", "argo", "rollout.yaml", "--namespace", "a b")
    assert done.returncode == 2
    assert "--namespace: expected a namespace" in done.stderr


def test_on_a_terminal_it_asks(folder: Path) -> None:
    terminal = Terminal(folder, "import", "flagger", "canary.yaml", "-o", "plan.yaml", *SAID[2:])
    terminal.answer("Which environment is it for?", "production")
    terminal.answer("Is the running version the sick one", "no")
    assert terminal.ended() == 2
    assert "known_bad: false" in (folder / "plan.yaml").read_text()
