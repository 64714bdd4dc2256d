"""What tests of the service begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.server.team import Team, team
from tests.stage import Stage


@pytest_asyncio.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Team]:
    """The service of a team."""
    async with team(tmp_path) as found:
        yield found


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    yield stage
    stage.close()
