"""Where secrets stand, for those who must know what stands where after masking."""

from itertools import pairwise

import pytest

from pilotage.core.redact import HIDDEN, redact, secret_places


def masked(text: str) -> str:
    out, done = [], 0
    for start, end in secret_places(text):
        out += [text[done:start], HIDDEN]
        done = end
    return "".join([*out, text[done:]])


@pytest.mark.parametrize(
    "text",
    [
        "nothing to hide",
        "password: hunter2, user: bob",
        "Bearer abcdef123456 and more",
        "https://bob:geheim@acme.com/x",
        "card 4111 1111 1111 1111 paid",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345 end",
    ],
)
def test_the_places_are_those_that_redact_masks(text):
    assert masked(text) == redact(text)


def test_places_are_in_order_and_do_not_overlap():
    places = secret_places('password: "token=abc" authorization: Bearer abcdefgh card: 4111111111111111')
    assert places == tuple(sorted(places))
    assert all(before[1] <= after[0] for before, after in pairwise(places))
