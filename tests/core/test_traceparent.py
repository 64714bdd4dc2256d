"""`traceparent`: what counts as one, and ids that can be planned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pilotage.core.traceparent import Traceparent, planned, read

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_what_is_written_can_be_read() -> None:
    for sampled in (True, False):
        one = Traceparent(TRACE, SPAN, sampled)
        assert read(str(one)) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-x",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01\r\nX-Admin: yes",
        f"01-{TRACE}-{SPAN}-01-{'x' * 300}",
    ],
)
def test_what_is_none_begins_a_new_trace(text: str) -> None:
    assert read(text) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read(f"01-{TRACE}-{SPAN}-03-more") == Traceparent(TRACE, SPAN, True)


@given(some.text())
def test_nothing_from_outside_breaks_it(text: str) -> None:
    found = read(text)
    assert found is None or read(str(found)) == found


@given(some.text(), some.text())
def test_planned_ids_follow_from_the_seed_alone(seed: str, other: str) -> None:
    above = Traceparent(TRACE, SPAN, False)
    assert planned(seed, above) == planned(seed, above)
    assert (planned(seed, above).trace, planned(seed, above).sampled) == (TRACE, False)
    assert read(str(planned(seed, None))) == planned(seed, None)
    assert seed == other or planned(seed, None) != planned(other, None)
