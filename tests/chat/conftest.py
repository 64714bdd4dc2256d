"""A workspace of Slack's contract, and a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.store import Store, open_store
from tests.chat import team
from tests.chat.contract import Workspace
from tests.drivers.served import serve


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with serve(Workspace()) as running:
        for name, value in team.environment(running).items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    yield store
    store.close()
