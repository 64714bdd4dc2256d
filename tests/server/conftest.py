"""The service on a fresh store, and somebody who asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.server.world import World, world


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as one:
        yield one


@pytest.fixture
async def api(service: World) -> AsyncIterator[httpx.AsyncClient]:
    """With the token of the state folder."""
    async with service.client() as client:
        yield client
