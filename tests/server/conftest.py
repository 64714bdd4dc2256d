"""What tests of the service begin with."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from pilotage.store import open_store
from tests.server.fuzzing import Fuzz
from tests.server.team import Team, team
from tests.server.world import World, world


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
def fuzz(empty: Path, tmp_path: Path) -> Iterator[Fuzz]:
    """Asks the service what its description says, and what it does not."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    shutil.copy(empty, tmp_path)
    store = open_store(tmp_path)
    one = Fuzz(tmp_path, store)
    yield one
    one.close()
    store.close()
    structlog.configure(**before)
