"""What the docs show is what the program does."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pilotage import planfile
from pilotage.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SHELLS = ("", "console", "sh", "bash", "shell")


def in_blocks(text: str) -> list[str]:
    """The lines of code blocks that a reader would type: after a prompt, or the bare command."""
    lines = [line.strip() for kind, block in BLOCK.findall(text) if kind in SHELLS for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "pilotage ", "make "))]


def in_sentences(text: str) -> list[str]:
    """Commands within a sentence may leave out what they need: `pilotage check`."""
    inline = re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
    return [one for one in inline if re.match(r"(pilotage|make|uvx|\.venv/bin/python -m) [^`]", one)]


def shown(find: Callable[[str], list[str]]) -> list[tuple[str, str]]:
    return sorted({(page.name, line) for page in PAGES for line in find(page.read_text())})


def wrong_with(line: str, whole: bool) -> str:
    """What stands in the way of typing this line; with `whole` its arguments are looked at, too."""
    words = shlex.split(line, comments=True)
    if words[0] == "uvx":
        words = words[1:]
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "" if set(words[1:]) <= set(targets) else f"make knows only {targets}"
    if words[:2] == [".venv/bin/python", "-m"]:
        return "" if (ROOT / f"{words[2].replace('.', '/')}.py").exists() else f"there is no module {words[2]}"
    if words[0] != "pilotage":
        return "neither pilotage nor make"
    if words[1] in ("--help", "--version"):
        return ""
    if words[1] not in cli.commands:
        return f"no command {words[1]}"
    command, rest = cli.commands[words[1]], words[2:]
    while isinstance(command, click.Group) and rest and rest[0] in command.commands:
        command, rest = command.commands[rest[0]], rest[1:]
    try:
        if whole:
            command.make_context(words[1], rest)
        else:
            command.make_parser(click.Context(command)).parse_args(rest)
    except click.exceptions.Exit:
        return ""
    except click.UsageError as error:
        return error.format_message()
    return ""


@pytest.mark.parametrize(("page", "line"), shown(in_blocks))
def test_every_command_in_a_block_can_be_typed_as_it_stands(page: str, line: str) -> None:
    assert wrong_with(line, whole=True) == ""


@pytest.mark.parametrize(("page", "line"), shown(in_sentences))
def test_every_command_in_a_sentence_exists_with_its_options(page: str, line: str) -> None:
    assert wrong_with(line, whole=False) == ""


@pytest.mark.parametrize(
    "line",
    [
        "pilotage chekc plan.yaml",
        "pilotage run plan.yaml --detatch",
        "pilotage run",
        "pilotage simulate plan.yaml --watch soon",
        "make tset",
        "curl example.org",
        ".venv/bin/python -m benchmarks.none",
    ],
)
def test_a_wrong_line_would_be_seen(line: str) -> None:
    assert wrong_with(line, whole=True)


def test_there_are_lines_to_check() -> None:
    assert len(shown(in_blocks)) >= 20
    assert len(shown(in_sentences)) >= 30


def every_command() -> dict[str, click.Command]:
    """Also those of a command's own, by both words: ``drivers try``."""
    found = dict(cli.commands)
    for name, command in cli.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {one}": other for one, other in inner.items() if not other.hidden}
    return found


def test_every_command_has_its_line_in_the_reference() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    documented = re.findall(r"^\| `pilotage ([a-z-]+(?: [a-z-]+)*)[^`]*` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(every_command())


def options_of(name: str) -> set[tuple[str, str]]:
    options = [one for one in every_command()[name].params if isinstance(one, click.Option) and not one.hidden]
    return {(name, spelling) for one in options for spelling in one.opts}


def test_every_option_has_its_line_in_the_reference_and_none_is_made_up() -> None:
    rows = re.findall(r"^\| (`-.*?) \| (`.*?) \|", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE)
    documented = {
        (command, option)
        for options, commands in rows
        for option in re.findall(r"`(-[\w-]+)`", options)
        for command in re.findall(r"`([\w -]+)`", commands)
    }
    there = {one for name in every_command() if name != "simulate" for one in options_of(name)}
    assert documented == there | {("simulate", "--json")}


def test_every_option_of_simulate_has_its_line_on_its_page() -> None:
    first = re.findall(r"^\| (`--.*?) \|", (ROOT / "docs" / "simulate.md").read_text(), re.MULTILINE)
    documented = {("simulate", option) for row in first for option in re.findall(r"`(--[\w-]+)`", row)}
    assert documented == options_of("simulate")


def test_the_pictures_that_are_shown_exist_and_load_nothing_from_elsewhere() -> None:
    for page in PAGES:
        for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text()):
            picture = page.parent / name
            assert picture.exists(), (page.name, name)
            if picture.suffix == ".svg":
                assert not re.search(r"(href|src|url\()\s*=?\s*[\"'(]?https?:|@import", picture.read_text()), name


def test_the_plan_in_the_docs_is_a_good_plan(tmp_path: Path) -> None:
    sample, metrics = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "plan-file.md").read_text(), re.DOTALL)
    assert planfile.load(sample, directory=tmp_path).service == "payment"
    others = re.sub(r"^metrics:\n(?: .*\n)+", "", sample, flags=re.MULTILINE).replace(
        "known_bad: true", "known_bad: false"
    )
    assert planfile.load(others + metrics, directory=tmp_path).measures.latency


def test_every_driver_has_its_section() -> None:
    text = (ROOT / "docs" / "drivers.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group, drivers in project["entry-points"].items():
        port = group.removeprefix("pilotage.")
        assert [name for name in drivers if f"## {name} ({port})" not in text] == []
