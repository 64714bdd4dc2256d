"""What tests of the service begin with."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from pilotage.store import open_store
from tests.server.team import Team, team
from tests.server.world import World, world
from tests.stage import Stage


@pytest.fixture
async def ours(tmp_path: Path) -> AsyncIterator[Team]:
    """The service of a team."""
    async with team(tmp_path) as found:
        yield found


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose tables are made: a copy takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("empty")
    open_store(folder).close()
    return folder / "pilotage.db"


@pytest.fixture
async def service(empty: Path, tmp_path: Path) -> AsyncIterator[World]:
    """The service on a fresh store."""
    shutil.copy(empty, tmp_path)
    async with world(tmp_path) as one:
        yield one


@pytest.fixture
async def api(service: World) -> AsyncIterator[httpx.AsyncClient]:
    """With the token of the state folder."""
    async with service.client() as client:
        yield client


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    yield stage
    stage.close()
