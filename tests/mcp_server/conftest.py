"""What tests of the MCP server begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.server.team import Team, settings, team
from tests.stage import Local, Stage, local


@pytest.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Team]:
    """The service of a team that serves agents."""
    async with team(tmp_path, settings(folders=[str(tmp_path)], agents={"mcp": True})) as found:
        yield found


@pytest.fixture
def coordinator(stage: Stage, tmp_path: Path) -> Iterator[Local]:
    """A real one, without a login, that serves agents; the stage's plan lies in the stage's folder."""
    rules = tmp_path / "settings.yaml"
    rules.write_text("agents: {mcp: true}\n")
    (stage.folder / "plan.yaml").write_text(stage.plan()["plan"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PILOTAGE_SETTINGS", str(rules))
        with local(tmp_path / "state") as found:
            yield found
