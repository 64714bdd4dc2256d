"""Twenty thousand requests made up from the API's description: no 5xx, no other status or shape than it says."""

from __future__ import annotations

import pytest

from tests.server.fuzzing import ENDLESS, Fuzz, operations


@pytest.mark.timeout(1800)
def test_nothing_comes_back_that_the_description_does_not_say(fuzz: Fuzz) -> None:
    tally = fuzz.run(each=400)
    assert not tally.failures, "\n\n".join(tally.failures)
    assert tally.requests >= 20_000
    assert set(operations(fuzz)) - set(tally.by_operation) <= {*ENDLESS}
