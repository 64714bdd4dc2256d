"""A thousand requests made up from the API's description; `make test-servers` makes twenty thousand."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.store import open_store
from tests.server.fuzzing import ENDLESS, Fuzz, operations


@pytest.fixture
def fuzz(empty: Path, tmp_path: Path) -> Iterator[Fuzz]:
    shutil.copy(empty, tmp_path)
    store = open_store(tmp_path)
    one = Fuzz(tmp_path, store)
    yield one
    one.close()
    store.close()


@pytest.mark.timeout(300)
def test_nothing_comes_back_that_the_description_does_not_say(fuzz: Fuzz) -> None:
    tally = fuzz.run(each=24)
    assert not tally.failures, "\n\n".join(tally.failures)
    assert tally.requests >= 900
    assert set(operations(fuzz)) - set(tally.by_operation) <= {*ENDLESS}
    assert {200, 201, 401, 403, 404, 409, 422} <= set(tally.statuses), tally.statuses
