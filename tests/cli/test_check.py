"""When a plan may start, as `check` says it."""

from __future__ import annotations

import pytest

from pilotage.core.preparing import StartRule
from pilotage.planfile.starting import may_start

OPENS = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
WINDOW = StartRule(None, OPENS, OPENS + 4 * 3600, "Europe/Berlin")


@pytest.mark.parametrize(
    ("rule", "now", "said"),
    [
        (StartRule(), 0.0, "at any time"),
        (StartRule(3600.0), 0.0, "within 1 h of becoming known"),
        (WINDOW, OPENS - 12_000, "which opens in 3 h 20 min"),
        (WINDOW, OPENS + 3600, "which is open for 3 h more"),
        (WINDOW, OPENS + 5 * 3600, "which passed 1 h ago: name another one"),
    ],
)
def test_when_it_may_start_is_said_from_now(rule: StartRule, now: float, said: str) -> None:
    assert said in may_start(rule, now)[1]


def test_a_window_is_shown_in_its_own_zone() -> None:
    assert "Europe/Berlin" in may_start(WINDOW, OPENS)[1]
    assert "12:06" in may_start(WINDOW, OPENS)[1]
