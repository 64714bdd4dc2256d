from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.store import open_store
from tests.comms.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(tmp_path)
    yield World(store, tmp_path)
    store.close()
