"""What the docs show is what the program does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = [
    (page.name, line.removeprefix("$ ").split("#")[0].strip())
    for page in PAGES
    for line in page.read_text().splitlines()
    if line.startswith("$ pilotage")
]


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_every_shown_command_exists_with_its_options(page: str, line: str) -> None:
    words = line.split()
    command = cli.commands[words[1]]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("-")} <= known


def test_every_command_has_its_line_in_the_reference() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in cli.commands if f"`pilotage {name}" not in text] == []


def test_the_plan_in_the_docs_is_a_good_plan(tmp_path: Path) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "plan-file.md").read_text(), re.DOTALL)
    assert planfile.load(sample, directory=tmp_path).service == "payment"


def test_every_driver_has_its_section() -> None:
    text = (ROOT / "docs" / "drivers.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group, drivers in project["entry-points"].items():
        port = group.removeprefix("pilotage.")
        assert [name for name in drivers if f"## {name} ({port})" not in text] == []
