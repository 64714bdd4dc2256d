"""`pilotage integrate`: into somebody's repository, where nothing of theirs is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilotage.cli.integrate import NAMES
from pilotage.cli.main import cli
from pilotage.core.errors import PilotageError
from pilotage.integrations import TARGETS


def integrate(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["integrate", *words, "--into", str(folder)])


def there(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_the_command_knows_every_target() -> None:
    assert set(NAMES) == set(TARGETS)


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_written_where_it_belongs(tmp_path: Path, name: str) -> None:
    done = integrate(tmp_path, name)
    assert done.exit_code == 0, done.output
    package = TARGETS[name]
    assert there(tmp_path) == {(Path(package.place) / path).as_posix() for path in package.files()}
    for path in there(tmp_path):
        assert f"written  {path}" in done.output
    assert package.next in done.output


def test_all_at_once_and_again_changes_nothing(tmp_path: Path) -> None:
    assert integrate(tmp_path, *NAMES).exit_code == 0
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in there(tmp_path)}
    again = integrate(tmp_path, *NAMES)
    assert again.exit_code == 0
    assert "written" not in again.output
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in there(tmp_path)} == before


def test_what_is_there_already_is_kept_and_what_belongs_into_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text('{"mcpServers": {"mine": {"command": "mine"}}}')
    (tmp_path / "AGENTS.md").write_text("# Mine\n")
    done = integrate(tmp_path, "agents", "--force")
    assert done.exit_code == 3
    assert "mine" in (tmp_path / ".mcp.json").read_text()
    assert (tmp_path / "AGENTS.md").read_text() == "# Mine\n"
    assert "AGENTS.md is there already. Add to it:" in done.output
    assert '"--allow"' in done.output


def test_our_own_file_that_was_changed_is_replaced_only_when_asked(tmp_path: Path) -> None:
    integrate(tmp_path, "claude")
    agent = tmp_path / ".claude" / "agents" / "pilotage.md"
    agent.write_text("changed")
    kept = integrate(tmp_path, "claude")
    assert (kept.exit_code, agent.read_text()) == (3, "changed")
    assert "`--force` replaces it" in kept.output
    forced = integrate(tmp_path, "claude", "--force")
    assert (forced.exit_code, "replaced" in forced.output) == (0, True)
    assert agent.read_text().startswith("---\n")


def test_less_is_allowed_when_asked_for_less(tmp_path: Path) -> None:
    integrate(tmp_path, "claude", "--allow", "read")
    assert json.loads((tmp_path / ".mcp.json").read_text())["mcpServers"]["pilotage"]["args"] == ["mcp"]
    head = (tmp_path / ".claude" / "agents" / "pilotage.md").read_text().split("---")[1]
    assert "start_rollout" not in head
    assert "rollback" not in head


@pytest.mark.parametrize("link", [".claude", ".mcp.json"])
def test_a_link_that_leads_out_gets_nothing(tmp_path: Path, link: str) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "repository"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / link).symlink_to(elsewhere / "there" if link.endswith("json") else elsewhere)
    done = integrate(folder, "claude", "--force")
    assert isinstance(done.exception, PilotageError)
    assert "leads out of" in str(done.exception)
    assert there(elsewhere) == set()
    assert not (folder / ".mcp.json").is_file()


def test_for_a_program_each_file_is_a_row(tmp_path: Path) -> None:
    (tmp_path / ".mcp.json").write_text("{}")
    rows = json.loads(integrate(tmp_path, "claude", "--json").output)
    assert {(one["file"], one["did"]) for one in rows} == {
        (".claude/agents/pilotage.md", "written"),
        (".claude/skills/pilotage/SKILL.md", "written"),
        (".mcp.json", "kept"),
    }
