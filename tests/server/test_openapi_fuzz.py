"""A thousand requests made up from the API's description; test_openapi_fuzz_whole.py makes twenty thousand."""

from __future__ import annotations

import pytest

from tests.server.fuzzing import ENDLESS, Fuzz, operations


@pytest.mark.timeout(400)
def test_nothing_comes_back_that_the_description_does_not_say(fuzz: Fuzz) -> None:
    tally = fuzz.run(each=20)
    assert not tally.failures, "\n\n".join(tally.failures)
    assert tally.requests >= 1000
    assert set(operations(fuzz)) - set(tally.by_operation) <= {*ENDLESS}
    assert {200, 201, 400, 401, 403, 404, 409, 422} <= set(tally.statuses), tally.statuses
