"""The drivers' sections tell their options, and their examples have options that the drivers take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pilotage.drivers import registry
from pilotage.drivers.about import About, Option, every

PORTS = "deploy|logs|metrics|tracker|pool|traffic"
SECTION = re.compile(rf"^## ([\w-]+) \(({PORTS})\)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
TEXT = (Path(__file__).parents[2] / "docs" / "drivers.md").read_text()
SECTIONS = SECTION.findall(TEXT)


def references(value: Any) -> list[dict[str, Any]]:
    """Every mapping that names a driver, however deep."""
    if isinstance(value, dict) and "driver" in value:
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for one in inner for found in references(one)]


@pytest.mark.parametrize(("name", "port", "section"), SECTIONS)
def test_the_example_of_a_driver_is_good(name: str, port: str, section: str) -> None:
    (example,) = EXAMPLE.findall(section)
    rows = references(YAML(typ="safe").load(example))
    assert {row.pop("driver") for row in rows} == {name}
    for given in rows:
        given.pop("name", None)
        assert registry.find(port, name).Options.model_validate(given)


def test_there_are_examples_to_check() -> None:
    assert len(SECTIONS) >= 26


def names(options: Iterable[Option]) -> Iterator[str]:
    """Those within options, too."""
    for one in options:
        yield one.name
        yield from names(one.options)


@pytest.mark.parametrize("one", every(), ids=lambda one: f"{one.port}/{one.name}")
def test_a_drivers_tables_have_all_its_options(one: About) -> None:
    (section,) = re.findall(rf"^## {one.name} \({one.port}\)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    rows = "\n".join(line for line in section.splitlines() if line.startswith("|"))
    assert [name for name in names(one.options) if f"`{name}`" not in rows] == []


def test_the_table_says_for_each_driver_what_it_was_tried_with() -> None:
    rows = re.findall(r"^\| ([\w-]+) \| (\w+) \| (?:real server|documented contract)\b.*\|$", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted((one.name, one.port) for one in every())
