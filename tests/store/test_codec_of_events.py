"""Events come back as what they were."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pilotage.codec import from_json, to_json
from pilotage.core import events as ev

KINDS = get_args(ev.Event)


def made(kind: Any) -> st.SearchStrategy[Any]:
    """Whatever a type may hold, but for what only looks different: NaN is not equal to itself."""
    return st.builds(kind).filter(lambda one: "nan" not in repr(one))


@given(st.sampled_from(KINDS).flatmap(made), st.integers(0, 10**6), st.floats(0, 2e9))
def test_an_event_comes_back_as_what_it_was(event: ev.Event, number: int, at: float) -> None:
    recorded = ev.Recorded("shop-1", number, at, "ada", event)

    assert from_json(ev.Recorded, to_json(recorded)) == recorded


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": {"kind": "made_up"}},
        {"event": {}},
        {"event": None},
        {"number": "three"},
        {"by": None},
    ],
    ids=str,
)
def test_what_is_no_event_is_refused(wrong: dict[str, Any]) -> None:
    good = dataclasses.asdict(ev.Recorded("shop-1", 3, 1.0, "ada", ev.Paused(0, "")))

    with pytest.raises(ValidationError):
        from_json(ev.Recorded, json.dumps({**good, **wrong}))
    with pytest.raises(ValidationError):
        from_json(ev.Recorded, "[]")
