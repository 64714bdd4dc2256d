"""The page for teams tells every key of the settings, and its examples are good ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from pilotage.core.people import Role, Scope
from pilotage.drivers.secrets import Secret
from pilotage.settings import Settings, load
from pilotage.settings.base import Section

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "team.md").read_text()
TABLE = re.compile(r"^\| key(?: of `(\w+)`)? \|.*\n\|[ -|]*\n((?:\|.*\n)+)", re.MULTILINE)
EXAMPLE = ROOT / "examples" / "team" / "settings.yaml"


def sections(of: type[Section], name: str = "") -> dict[str, set[str]]:
    """The keys of each section, by its name."""
    found = {name: set(of.model_fields)}
    for key, field in of.model_fields.items():
        left: list[Any] = [field.annotation]
        while left:
            kind = left.pop()
            if isinstance(kind, type) and issubclass(kind, Section) and kind is not Secret:
                found |= sections(kind, key)
            left += get_args(kind)
    return found


def test_every_key_has_its_row_and_none_is_made_up() -> None:
    told = {}
    for name, rows in TABLE.findall(TEXT):
        first = [row.split("|")[1] for row in rows.splitlines()]
        told[name] = {key for cell in first for key in re.findall(r"`(\w+)`", cell)}
    assert told == sections(Settings)


def test_the_example_is_good_and_is_the_one_on_the_page() -> None:
    rules = load(EXAMPLE)
    assert rules.login
    assert rules.login.oidc
    assert [one.role for one in rules.roles] == ["viewer", "operator", "approver", "approver", "admin"]
    shown = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert EXAMPLE.read_text().partition("\n")[2] == shown[0]


@pytest.mark.parametrize("shown", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_every_file_on_the_page_can_be_loaded(tmp_path: Path, shown: str) -> None:
    (tmp_path / "settings.yaml").write_text(shown)
    assert load(tmp_path / "settings.yaml").shared


def test_every_role_and_scope_is_told() -> None:
    for one in Role:
        assert re.search(rf"^\| {one} \|", TEXT, re.MULTILINE), one
    for scope in Scope:
        assert re.search(rf"^\| `{scope}` \|", TEXT, re.MULTILINE), scope
