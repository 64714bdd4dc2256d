"""Open places of a draft that are filled in afterwards: the value, and the comment beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage.core.brief import parse
from pilotage.core.planning import draft
from pilotage.core.planning.filled import filled, headed, noted
from pilotage.planfile import read_text

BRIEF = "Payment null pointer hot-fix. P2. Production, 5M requests/day. Strategy: {}."
SAID = "as deploy.yaml:3 says"


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "rolling", "canary with a feature flag"])
def test_each_open_place_of_every_strategy_can_be_filled_in_and_nothing_else_changes(strategy: str) -> None:
    drafted = draft(parse(BRIEF.format(strategy)))
    assert len(drafted.open) > 5
    for place in drafted.open:
        done = filled(drafted, place, "a value: #1", SAID)
        assert done.open == tuple(one for one in drafted.open if one != place)
        assert read_text(done.text)[0].plain() == done.data
        assert done.text.count(SAID) == 1
    for place in drafted.open:
        drafted = filled(drafted, place, "x", SAID)
    assert drafted.open == ()


@pytest.mark.parametrize("place", ["nowhere", "traffic[7].driver", "metrics.nowhere.x", "version.x"])
def test_a_place_that_is_not_there_is_refused(place: str) -> None:
    with pytest.raises(KeyError):
        filled(draft(parse("")), place, "x", SAID)


def test_what_is_noted_stands_beside_its_section_and_at_the_top(tmp_path: Path) -> None:
    drafted = headed(noted(draft(parse(BRIEF.format("canary"))), "service", SAID), ["FILLED IN: service"])
    assert f"service: payment  # {SAID}" in drafted.text
    assert drafted.text.splitlines()[0].startswith("# Brief:")
    assert "# ! FILLED IN: service" in drafted.text.splitlines()
    assert drafted.warnings[-1] == "FILLED IN: service"


def test_a_comment_cannot_leave_its_line() -> None:
    done = filled(draft(parse("")), "version", "1.0", "x\nseverity: P0\u2028severity: P0")
    assert "\nseverity: P0" not in done.text
