"""What `integrations/` has is what the source makes, and every file is what its reader takes."""

from __future__ import annotations

import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pilotage import __version__
from pilotage.integrations.make import made, write
from pilotage.integrations.targets import TARGETS
from pilotage.integrations.tools import GOING_BACK, READING, ROLLING_OUT, Allow
from tests.docs.test_docs import wrong_with

ROOT = Path(__file__).parents[2]
HERE = ROOT / "integrations"
FILES = made()
SKILLS = sorted(path for path in FILES if path.endswith("/SKILL.md"))
AGENTS = ["claude/.claude/agents/pilotage.md", "plugin/pilotage/agents/pilotage.md"]
COPILOT = "copilot/.github/agents/pilotage.agent.md"
CODEX = "codex/.codex/agents/pilotage.toml"
TOOLS = {*READING, *GOING_BACK, *ROLLING_OUT}
NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def front(path: str) -> tuple[dict[str, Any], str]:
    """The front matter, and what follows it."""
    begin, head, body = FILES[path].split("---\n", 2)
    assert begin == ""
    return YAML(typ="safe").load(head), body


def there(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8")
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / "README.md"
    }


def test_the_folder_is_what_the_source_makes(tmp_path: Path) -> None:
    write(tmp_path)
    assert there(HERE) == there(tmp_path), "`make integrations` writes it anew"


def test_a_changed_or_left_over_file_would_be_seen(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "claude" / "old.md").write_text("of last year")
    (tmp_path / "github" / "action.yml").write_text("name: another")
    assert there(tmp_path) != there(HERE)
    write(tmp_path)
    assert there(tmp_path) == there(HERE)


@pytest.mark.parametrize("path", SKILLS)
def test_a_skill_is_one_by_the_specification(path: str) -> None:
    head, body = front(path)
    assert set(head) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert head["name"] == Path(path).parent.name
    assert NAME.fullmatch(head["name"])
    assert len(head["name"]) <= 64
    assert 1 <= len(head["description"]) <= 1024
    assert 1 <= len(head["compatibility"]) <= 500
    assert len(body.splitlines()) < 500


def test_every_skill_is_the_same_one() -> None:
    assert len(SKILLS) == 5
    assert len({FILES[path] for path in SKILLS}) == 1


@pytest.mark.parametrize(
    ("path", "prefix"), [(AGENTS[0], "mcp__pilotage__"), (AGENTS[1], "mcp__plugin_pilotage_pilotage__")]
)
def test_the_sub_agent_of_claude_code(path: str, prefix: str) -> None:
    head, body = front(path)
    assert set(head) == {"name", "description", "tools", "model"}
    assert head["name"] == Path(path).stem
    assert NAME.fullmatch(head["name"])
    assert head["model"] in ("inherit", "sonnet", "opus", "haiku")
    tools = head["tools"].split(", ")
    assert {one.removeprefix(prefix) for one in tools if one.startswith("mcp__")} == TOOLS
    assert {one for one in tools if not one.startswith("mcp__")} == {"Read", "Grep", "Glob", "Edit", "Write"}
    assert "request_approval" in body


def test_no_agent_gets_a_shell() -> None:
    for path in AGENTS:
        assert "Bash" not in front(path)[0]["tools"]
    assert not {"execute", "shell", "runCommands", "*"} & set(front(COPILOT)[0]["tools"])


def test_the_agent_of_copilot() -> None:
    head, body = front(COPILOT)
    assert set(head) == {"name", "description", "tools"}
    assert {one.removeprefix("pilotage/") for one in head["tools"] if "/" in one} == TOOLS
    assert {one for one in head["tools"] if "/" not in one} == {"read", "search", "edit"}
    assert len(body) < 30_000  # what GitHub takes of a profile


def test_the_agent_of_codex() -> None:
    agent = tomllib.loads(FILES[CODEX])
    assert set(agent) == {"name", "description", "developer_instructions", "mcp_servers"}
    assert agent["name"] == "pilotage"
    assert agent["developer_instructions"].strip() == front(AGENTS[0])[1].strip()
    config = tomllib.loads(FILES["codex/.codex/config.toml"])
    assert config["mcp_servers"] == agent["mcp_servers"] == {"pilotage": {"command": "pilotage", "args": MCP[1:]}}


MCP = ["pilotage", "mcp", "--allow", "rollout"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("claude/.mcp.json", "mcpServers"),
        ("agents/.mcp.json", "mcpServers"),
        ("plugin/pilotage/.mcp.json", "mcpServers"),
        ("plugin/pilotage/mcp.json", "mcpServers"),
        ("copilot/.vscode/mcp.json", "servers"),
    ],
)
def test_every_configuration_starts_the_same_server(path: str, key: str) -> None:
    found = json.loads(FILES[path])
    assert set(found) - {"$schema"} == {key}
    assert found[key] == {"pilotage": {"type": "stdio", "command": MCP[0], "args": MCP[1:]}}


def test_the_plugin_is_one_of_claude_code_and_its_marketplace_has_it() -> None:
    market = json.loads(FILES["plugin/.claude-plugin/marketplace.json"])
    assert set(market) == {"name", "description", "owner", "plugins"}
    assert NAME.fullmatch(market["name"])
    (listed,) = market["plugins"]
    assert listed["source"].startswith("./")
    folder = f"plugin/{listed['source'].removeprefix('./')}"
    manifest = json.loads(FILES[f"{folder}/.claude-plugin/plugin.json"])
    assert (manifest["name"], manifest["version"]) == (listed["name"], listed["version"])
    assert manifest["version"] == __version__
    for part in ("agents/pilotage.md", "skills/pilotage/SKILL.md", ".mcp.json"):
        assert f"{folder}/{part}" in FILES


def test_the_plugin_is_an_agent_plugin_1_0_0() -> None:
    """By the rules of agent-plugins.org/specification, 5 and 7: both objects are closed."""
    manifest = json.loads(FILES["plugin/pilotage/plugin.json"])
    assert manifest.pop("$schema") == "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json"
    known = {"name", "version", "description", "author", "homepage", "repository", "license", "keywords", "extensions"}
    assert set(manifest) <= known
    assert re.fullmatch(r"(?!.*(--|\.\.))[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?", manifest["name"])
    assert set(manifest["author"]) <= {"name", "email", "url"}
    assert all(isinstance(one, str) for one in manifest["keywords"])
    servers = json.loads(FILES["plugin/pilotage/mcp.json"])
    assert servers["$schema"] == "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json"
    for server in servers["mcpServers"].values():
        assert set(server) <= {"type", "command", "args", "env", "cwd"}
        assert server["type"] == "stdio"
        assert re.fullmatch(r"[\w.-]+", server["command"])  # one executable's name, no shell's line


def test_the_tools_are_those_of_the_server_for_the_same_word() -> None:
    from pilotage.cli.mcp import ALLOWS, READ
    from pilotage.core.people import Scope
    from pilotage.mcp.tools import all_tools

    for allow in Allow:
        scopes = {Scope(one) for one in (*READ, *ALLOWS.get(allow.value, ()))}
        assert {one.name for one in all_tools() if one.scope in scopes} == set(allow.tools), allow


def test_every_tool_in_the_texts_is_one_of_the_server() -> None:
    for path in (*SKILLS, *AGENTS, COPILOT, "agents/AGENTS.md"):
        named = set(re.findall(r"`([a-z]+_[a-z_]+)`", FILES[path]))
        assert named - TOOLS == set(), path
        assert path == "agents/AGENTS.md" or named | {"hold", "rollback", "history"} == TOOLS


def test_every_command_in_the_texts_can_be_typed() -> None:
    seen = 0
    for path, text in FILES.items():
        for line in re.findall(r"`(pilotage [^`]+)`", text):
            seen += 1
            assert wrong_with(line, whole=False) == "", (path, line)
    assert seen > 30


def test_what_is_allowed_grows_in_three_steps() -> None:
    assert Allow.READ.command == ["pilotage", "mcp"]
    assert Allow.ROLLBACK.command == ["pilotage", "mcp", "--allow", "rollback"]
    assert set(Allow.READ.tools) < set(Allow.ROLLBACK.tools) < set(Allow.ROLLOUT.tools) == TOOLS
    for allow in Allow:
        text = TARGETS["claude"].files(allow)[".claude/agents/pilotage.md"]
        listed = re.findall(
            r"mcp__pilotage__(\w+)", YAML(typ="safe").load(io.StringIO(text.split("---\n")[1]))["tools"]
        )
        assert tuple(listed) == allow.tools


def test_nothing_that_a_person_alone_may_is_a_tool_or_an_order() -> None:
    forbidden = ("approve", "promote", "resume", "tick", "override")
    assert not [one for one in TOOLS if one.startswith(forbidden)]
    for path in SKILLS[:1]:
        never = FILES[path].split("## What you never do")[1].split("##")[0]
        assert all(word in never.lower() for word in ("approve", "promote", "resume", "tick", "shorten"))
