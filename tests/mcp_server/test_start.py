"""How `pilotage mcp` begins: light, and with a sentence where its extra is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mcp_server.agents import READING, over_stdio

AGENTS = "{'mcp', 'mcp_types', 'pilotage.mcp', 'pydantic_ai', 'httpx', 'httpx2', 'starlette', 'anyio', 'rich'}"
HEAVY = "{'httpx', 'rich', 'fastapi', 'sqlalchemy', 'temporalio', 'ruamel', 'jinja2', 'pydantic_ai', 'pandas'}"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PILOTAGE_")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**clean, **environment}
    )


def test_until_the_first_tool_is_called_nothing_is_loaded_but_the_protocol() -> None:
    code = (
        "import sys; from pilotage.cli.main import cli; import pilotage.mcp.stdio; "
        "from pilotage.mcp.serving import make_server; from pilotage.mcp.tools import all_tools; "
        f"make_server(lambda _: None); all_tools(); sys.exit(', '.join({HEAVY} & set(sys.modules)) or 0)"
    )
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["status", "rollback", "hold", "explain"])
def test_a_persons_commands_load_nothing_of_agents(command: str, tmp_path: Path) -> None:
    code = (
        "import sys; from pilotage.cli.main import main\n"
        f"sys.argv = ['pilotage', '{command}', 'shop-1']\n"
        "try: main()\n"
        f"except SystemExit: sys.exit(', '.join({AGENTS} & set(sys.modules)) or 0)\n"
    )
    done = python(code, PILOTAGE_URL="http://127.0.0.1:9", PILOTAGE_STATE=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no coordinator answers" in done.stderr


@pytest.mark.parametrize("missing", ["mcp", "mcp_types"])
def test_without_the_extra_it_says_which_one_to_install(missing: str) -> None:
    code = (
        f"import sys; sys.modules['{missing}'] = None; from pilotage.cli.main import main; "
        "sys.argv = ['pilotage', 'mcp']; main()"
    )
    done = python(code)
    assert done.returncode == 2
    assert done.stderr.strip() == "`pilotage mcp` needs the extra `mcp`: pip install 'pilotage[mcp]'"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("allow", "more"),
    [
        ((), set()),
        (("rollback",), {"hold", "rollback"}),
        (
            ("rollout",),
            {"hold", "rollback", "request_approval", "start_rollout", "report_user_trouble"},
        ),
    ],
)
async def test_it_only_looks_until_more_is_switched_on(allow: tuple[str, ...], more: set[str], tmp_path: Path) -> None:
    async with over_stdio(tmp_path / "state", tmp_path, *allow, PILOTAGE_URL="http://127.0.0.1:9") as agent:
        assert await agent.tools() == {*READING, *more}
        annotations = {one.name: one.annotations for one in (await agent.client.list_tools()).tools}
        for name, hints in annotations.items():
            assert hints is not None
            assert hints.read_only_hint == (name in READING)
            assert hints.destructive_hint == (name in ("rollback", "start_rollout"))
        for name in {"hold", "rollback"} - more:
            assert "--allow rollback" in await agent.is_refused(name, rollout="x", reason="x")


async def test_a_coordinator_that_does_not_answer_is_said_in_a_sentence_and_drafting_needs_none(tmp_path: Path) -> None:
    async with over_stdio(tmp_path / "state", tmp_path, PILOTAGE_URL="http://127.0.0.1:9") as agent:
        refused = await agent.is_refused("rollout_status")
        assert refused == "no coordinator answers at http://127.0.0.1:9. `pilotage up` starts one"
        drafted = await agent.does("create_plan", brief="P0: hot-fix for the null pointer in payment 2.4.1")
        assert 'version: "2.4.1"' in drafted["outside_text"]["plan"]
    assert list(tmp_path.iterdir()) == []


async def test_each_proposal_says_from_which_file_and_line_it_comes(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("build:\n\tdocker build .\ndeploy:\n\t./deploy.sh\n")
    (tmp_path / "deploy.sh").write_text("#!/bin/sh\nkubectl set image deployment/payment app=$1\n")
    (tmp_path / "deploy.sh").chmod(0o755)
    async with over_stdio(tmp_path / "state", tmp_path, PILOTAGE_URL="http://127.0.0.1:9") as agent:
        drafted = await agent.does("create_plan", brief="P0: hot-fix for payment 2.4.1", facts={"previous": "2.4.0"})
    assert drafted["looked_at_repository"]
    places = {(one["file"], one["line"]) for each in drafted["outside_text"]["proposals"] for one in each["found_in"]}
    assert {file for file, _ in places} & {"Makefile", "deploy.sh"}
    assert any(line > 0 for _, line in places)


def test_who_it_acts_as_reads_like_a_name() -> None:
    from pilotage.mcp.identity import agent_name

    named = [agent_name(one) for one in ("ann", "Ann.Example", "$(reboot)", "", "a" * 100)]
    assert named == ["mcp-ann", "mcp-ann-example", "mcp-reboot", "mcp-agent", f"mcp-{'a' * 59}"]
