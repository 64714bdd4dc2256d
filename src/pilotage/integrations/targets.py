"""What each coding agent and each CI takes: files, and where in a repository they belong.

The formats: code.claude.com/docs (sub-agents, plugins), agentskills.io/specification, agent-plugins.org 1.0.0,
developers.openai.com/codex/subagents, docs.github.com/copilot/reference/custom-agents-configuration,
docs.github.com/actions (metadata of an action), docs.gitlab.com/ci/yaml.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pilotage import __version__
from pilotage.integrations.tools import SERVER, Allow
from pilotage.integrations.wording import DESCRIPTION, LICENCE, NAME, agent, as_json, front_matter, skill, source

SKILL = f"skills/{NAME}/SKILL.md"
AGENT_PLUGINS = "https://agent-plugins.org/schemas/1.0.0"
KEYWORDS = ["deployment", "canary", "hot-fix", "rollback", "on-call"]


@dataclass(frozen=True)
class Package:
    """`files`: paths below `place`, and their texts. `shared`: paths that belong to others as well."""

    what: str
    make: Callable[[Allow], Mapping[str, str]]
    place: str = ""
    shared: frozenset[str] = frozenset()
    next: str = ""
    """What the person does next, in a sentence."""

    def files(self, allow: Allow = Allow.ROLLOUT) -> dict[str, str]:
        return dict(sorted(self.make(allow).items()))


def _mcp_server(allow: Allow) -> dict[str, object]:
    command, *arguments = allow.command
    return {"type": "stdio", "command": command, "args": arguments}


def _mcp_json(allow: Allow) -> str:
    return as_json({"mcpServers": {SERVER: _mcp_server(allow)}})


def _claude_agent(allow: Allow, prefix: str) -> str:
    tools = ["Read", "Grep", "Glob", "Edit", "Write", *(f"{prefix}{one}" for one in allow.tools)]
    head: dict[str, str | list[str]] = {"name": NAME, "description": DESCRIPTION, "tools": ", ".join(tools)}
    return front_matter(head | {"model": "inherit"}, agent())


def claude(allow: Allow) -> dict[str, str]:
    return {
        f".claude/agents/{NAME}.md": _claude_agent(allow, f"mcp__{SERVER}__"),
        f".claude/{SKILL}": skill(),
        ".mcp.json": _mcp_json(allow),
    }


def plugin(allow: Allow) -> dict[str, str]:
    """A marketplace with one plugin, which is one of Claude Code's and an Agent Plugin at once."""
    about = {"name": NAME, "version": __version__, "description": DESCRIPTION}
    about_more = {**about, "author": {"name": "Pilotage"}, "license": LICENCE, "keywords": KEYWORDS}
    listed = {"name": NAME, "source": f"./{NAME}", "description": DESCRIPTION, "version": __version__}
    servers = {"$schema": f"{AGENT_PLUGINS}/mcp.schema.json", "mcpServers": {SERVER: _mcp_server(allow)}}
    market = {"name": NAME, "description": "Pilotage for coding agents", "owner": {"name": "Pilotage"}}
    return {
        ".claude-plugin/marketplace.json": as_json({**market, "plugins": [listed]}),
        f"{NAME}/.claude-plugin/plugin.json": as_json(about_more),
        f"{NAME}/.mcp.json": _mcp_json(allow),
        f"{NAME}/agents/{NAME}.md": _claude_agent(allow, f"mcp__plugin_{NAME}_{SERVER}__"),
        f"{NAME}/{SKILL}": skill(),
        f"{NAME}/plugin.json": as_json({"$schema": f"{AGENT_PLUGINS}/plugin.schema.json", **about_more}),
        f"{NAME}/mcp.json": as_json(servers),
    }


def codex(allow: Allow) -> dict[str, str]:
    command, *arguments = allow.command
    server = [f"[mcp_servers.{SERVER}]", f"command = {json.dumps(command)}", f"args = {json.dumps(arguments)}", ""]
    head = [f"{key} = {json.dumps(value)}" for key, value in (("name", NAME), ("description", DESCRIPTION))]
    told = agent()
    if "'''" in told:
        raise ValueError("a TOML literal cannot hold three quotes in a row")
    text = "\n".join([*head, f"developer_instructions = '''\n{told}'''", "", *server])
    return {
        f".codex/agents/{NAME}.toml": text,
        ".codex/config.toml": "\n".join(server),
        f".agents/{SKILL}": skill(),
    }


def copilot(allow: Allow) -> dict[str, str]:
    tools = ["read", "search", "edit", *(f"{SERVER}/{one}" for one in allow.tools)]
    head: dict[str, str | list[str]] = {"name": NAME, "description": DESCRIPTION, "tools": tools}
    return {
        f".github/agents/{NAME}.agent.md": front_matter(head, agent()),
        f".github/{SKILL}": skill(),
        ".vscode/mcp.json": as_json({"servers": {SERVER: _mcp_server(allow)}}),
    }


def others(allow: Allow) -> dict[str, str]:
    return {"AGENTS.md": source("agents.md"), f".agents/{SKILL}": skill(), ".mcp.json": _mcp_json(allow)}


def github(_: Allow) -> dict[str, str]:
    return {"action.yml": source("action.yml")}


def gitlab(_: Allow) -> dict[str, str]:
    return {"pilotage.yml": source("gitlab.yml")}


_INSTALL = "Install what it calls: pip install 'pilotage[mcp]'"
_PLUGIN = f"In Claude Code: /plugin marketplace add ./pilotage-plugin, /plugin install {NAME}@{NAME}"
TARGETS: dict[str, Package] = {
    "claude": Package(
        "Claude Code: sub-agent, skill, MCP server", claude, shared=frozenset({".mcp.json"}), next=_INSTALL
    ),
    "plugin": Package(
        "a marketplace with one plugin, for Claude Code and for clients of Agent Plugins 1.0.0",
        plugin,
        place="pilotage-plugin",
        next=f"{_INSTALL}. {_PLUGIN}",
    ),
    "codex": Package(
        "Codex: sub-agent, skill, MCP server", codex, shared=frozenset({".codex/config.toml"}), next=_INSTALL
    ),
    "copilot": Package(
        "GitHub Copilot: agent, skill, MCP server", copilot, shared=frozenset({".vscode/mcp.json"}), next=_INSTALL
    ),
    "agents": Package(
        "every other coding agent: AGENTS.md, skill, MCP server",
        others,
        shared=frozenset({"AGENTS.md", ".mcp.json"}),
        next=_INSTALL,
    ),
    "github": Package(
        "GitHub Actions: a composite action",
        github,
        place=f".github/actions/{NAME}",
        next=f"In a workflow: uses: ./.github/actions/{NAME}",
    ),
    "gitlab": Package(
        "GitLab CI: a template",
        gitlab,
        place=".gitlab",
        next="In .gitlab-ci.yml: include: [{local: .gitlab/pilotage.yml}]",
    ),
}
