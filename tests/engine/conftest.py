"""What most whole-rollout tests of the engine begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stage import Local, local


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """One for all tests of a file: they tell their rollouts apart by the service."""
    with local(tmp_path_factory.mktemp("state")) as one:
        yield one
