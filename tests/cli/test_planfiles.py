"""`schema` and `diff`: no coordinator, files only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilotage.cli.main import cli
from pilotage.core.errors import PlanError
from pilotage.planfile.schema import as_text

PLAN = """\
pilotage: 1
service: payment
tick: 10s  # often
phases:
  - {weight: 10%, watch: 10m}
  - {weight: 100%, watch: 10m}
rollback_when: {errors: 2%}
"""
TOLD = """\
3 changes; digest sha256:1 -> sha256:2
service: payment -> "REPLACE_ME: which"
phases[10%].watch: 10m -> 5m
rollback_when.errors: 2% -> 5%

Less careful in B:
phases[10%].watch: it is watched for less time (10m -> 5m)
rollback_when.errors: more errors are needed to go back (2% -> 5%)
"""


def pilotage(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments])


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    a.write_text(PLAN)
    b.write_text(PLAN)
    return a, b


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    assert pilotage("schema").stdout == as_text()
    done = pilotage("schema", "-o", tmp_path / "plan.schema.json")
    assert done.exit_code == 0
    assert "# yaml-language-server: $schema=plan.schema.json" in done.stderr
    assert json.loads((tmp_path / "plan.schema.json").read_text())["$id"] == "urn:pilotage:plan:1"


def test_comments_layout_and_the_order_of_keys_are_no_difference(files: tuple[Path, Path]) -> None:
    first, *rest = PLAN.splitlines(keepends=True)
    files[1].write_text("# another\n" + "".join(rest).replace("  # often", "") + first)
    done = pilotage("diff", *files)
    assert done.exit_code == 0
    assert done.stdout.startswith("no changes; digest sha256:")


def test_what_differs_is_said_also_of_a_draft(files: tuple[Path, Path]) -> None:
    said = PLAN.replace("watch: 10m", "watch: 5m", 1).replace("2%", "5%").replace("payment", '"REPLACE_ME: which"')
    files[1].write_text(said)
    done = pilotage("diff", *files)
    lines = done.stdout.splitlines()
    assert (done.exit_code, lines[1:]) == (1, TOLD.splitlines()[1:])
    assert lines[0].startswith("3 changes; digest sha256:")


def test_a_program_gets_json(files: tuple[Path, Path]) -> None:
    files[1].write_text(PLAN.replace("2%", "5%"))
    done = pilotage("diff", *files, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["same"]) == (1, False)
    assert found["changes"] == [{"path": "rollback_when.errors", "before": "2%", "after": "5%"}]
    assert [one["path"] for one in found["less_careful"]] == ["rollback_when.errors"]
    assert len(set(found["digests"])) == 2


def test_a_key_written_twice_is_said(files: tuple[Path, Path]) -> None:
    files[1].write_text(PLAN + "tick: 30s\n")
    done = pilotage("diff", *files)
    assert done.exit_code == 0
    assert "tick: expected each key once" in done.stderr


@pytest.mark.parametrize("text", ["a: [", "", "- a", "text"])
def test_what_cannot_be_read_is_refused(files: tuple[Path, Path], text: str) -> None:
    files[1].write_text(text)
    failed = pilotage("diff", *files).exception
    assert isinstance(failed, PlanError)
    assert failed.file == str(files[1])
