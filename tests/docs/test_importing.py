"""The page about imports: its commands do what it says, and its tables are the program's."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pilotage.importing import argo_fields, flagger_fields
from pilotage.importing.fields import Table
from tests.cli.test_commands import pilotage

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text()
FILES = Path(__file__).parents[1] / "importing" / "files"
COMMANDS = re.findall(r"^\$ pilotage (import .*)$", PAGE, re.MULTILINE)
TABLES: dict[str, Table] = {
    "Of `Rollout`": argo_fields.ROLLOUT,
    "Of `AnalysisTemplate`": argo_fields.TEMPLATE,
    "Of `Canary`": flagger_fields.CANARY,
    "Of `MetricTemplate`": flagger_fields.TEMPLATE,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_writes_a_plan_and_its_document(command: str, tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    done = pilotage(tmp_path, *shlex.split(command))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "missing: " in done.stderr
    assert "plan.yaml and plan.md are written." in done.stdout
    assert (tmp_path / "plan.yaml").exists()
    assert "**How the files were read:**" in (tmp_path / "plan.md").read_text()


def test_there_are_commands_to_try() -> None:
    assert len(COMMANDS) == 2


@pytest.mark.parametrize("head", TABLES)
def test_the_table_has_every_field_as_the_program_knows_it(head: str) -> None:
    shown = PAGE[PAGE.index(head) :].split("\n\n")[1]
    found = {}
    for fields, equal, text in re.findall(r"^\| (`.*?) \| (\w+) \| (.*) \|$", shown, re.MULTILINE):
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", fields), (equal, text))
    assert found == {row.path: (row.equal, row.text) for row in TABLES[head].values()}


def test_the_lines_it_shows_are_what_is_said(tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    rollout = tmp_path / "rollout.yaml"
    rollout.write_text(rollout.read_text().replace("maxSurge", "maxSurg"))
    said = pilotage(tmp_path, "import", "argo", "rollout.yaml", "analysis.yaml").stderr
    block = PAGE[PAGE.index("rollout.yaml:50:") :].split("```")[0]
    for line in block.strip().splitlines():
        known = line.removesuffix("...").rstrip(" ;")
        assert known.replace("analysis.yaml:34: spec", "analysis.yaml:35: items[0].spec") in said
