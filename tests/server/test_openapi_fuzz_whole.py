"""Twenty thousand requests made up from the API's description: no 5xx, no other status or shape than it says."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.server.fuzzing import ENDLESS, Fuzz, Tally, one_part, operations

PARTS = 2
"""Processes, each with operations of its own."""


@pytest.mark.timeout(1800)
def test_nothing_comes_back_that_the_description_does_not_say(empty: Path, tmp_path: Path, fuzz: Fuzz) -> None:
    tally = Tally()
    with ProcessPoolExecutor(PARTS, mp_context=get_context("spawn")) as processes:
        asked = [processes.submit(one_part, empty, tmp_path / str(part), part, PARTS, 170, 2) for part in range(PARTS)]
        for one in asked:
            tally.add(one.result())
    assert not tally.failures, "\n\n".join(tally.failures)
    print(f"{tally.requests} requests: {dict(tally.statuses)}")
    assert tally.requests >= 20_000
    assert set(operations(fuzz)) - set(tally.by_operation) <= {*ENDLESS}
