"""Over stdio with a team's coordinator: as whom `pilotage mcp` acts, by the credential that it finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pilotage.core.people import Role
from tests.mcp_server.agents import over_stdio
from tests.server.serving import serving
from tests.server.team import Team, settings
from tests.servers import free_port

ROOT, OLGA = "root@shop.example", "olga@shop.example"


@pytest.fixture
async def url(ours: Team) -> AsyncIterator[str]:
    async with serving(ours.app, settings(), free_port()) as found:
        yield found


async def test_an_agents_token_is_used_as_it_is(ours: Team, url: str, tmp_path: Path) -> None:
    token = await ours.machine("claude", "agent", Role.OPERATOR)
    async with over_stdio(tmp_path, tmp_path, "rollout", PILOTAGE_URL=url, PILOTAGE_TOKEN=token) as agent:
        await agent.does("history")
    async with ours.client(await ours.token(ROOT)) as root:
        rows = (await root.get("/v1/tokens")).json()
    assert [(one["name"], one["revoked_at"]) for one in rows if one["kind"] == "agent"] == [("claude", None)]


async def test_who_administers_has_an_agents_token_made_that_ends_with_the_connection(
    ours: Team, url: str, tmp_path: Path
) -> None:
    token = await ours.token(ROOT, lasts_s=1800)
    async with over_stdio(tmp_path, tmp_path, PILOTAGE_URL=url, PILOTAGE_TOKEN=token, LOGNAME="rita") as agent:
        await agent.does("history")
    async with ours.client(token) as root:
        rows = [one for one in (await root.get("/v1/tokens")).json() if one["kind"] == "agent"]
    assert [(one["name"], one["scopes"], one["created_by"]) for one in rows] == [("mcp-rita", ["plan:read"], ROOT)]
    assert rows[0]["revoked_by"] == "mcp-rita"
    assert rows[0]["expires_at"] - rows[0]["created_at"] == 300


@pytest.mark.parametrize("kind", ["person", "machine", "none"])
async def test_who_may_make_none_is_told_how_to_get_one(ours: Team, url: str, tmp_path: Path, kind: str) -> None:
    tokens = {"person": await ours.token(OLGA), "machine": await ours.machine("ci"), "none": ""}
    async with over_stdio(tmp_path, tmp_path, "rollout", PILOTAGE_URL=url, PILOTAGE_TOKEN=tokens[kind]) as agent:
        refused = await agent.is_refused("history")
    assert "`pilotage token create --kind agent" in refused
    async with ours.client(await ours.token(ROOT)) as root:
        assert [one for one in (await root.get("/v1/tokens")).json() if one["kind"] == "agent"] == []
