from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.server.team import Team, team


@pytest_asyncio.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Team]:
    """The service of a team."""
    async with team(tmp_path) as found:
        yield found
