"""Many phases are drawn in batches that fit into memory."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.judge.run import usual_plan
from pilotage.simulation import runner
from pilotage.simulation.world import Drawn, World, draw


def test_a_long_watch_is_drawn_a_few_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def counted(world: World, runs: int, ticks: int, *rest: Any) -> Drawn:
        drawn.append((runs, ticks))
        return draw(world, runs, ticks, *rest)

    monkeypatch.setattr(runner, "draw", counted)
    plan = usual_plan(share=0.1, minutes=24 * 60)
    outcomes = list(runner.outcomes(plan, 0, World(errors=0.5), runs=15, seed=1))
    assert len(outcomes) == 15
    assert sum(runs for runs, _ in drawn) == 15
    assert all(runs >= 1 and runs * ticks <= runner.MOST_TICKS_AT_ONCE for runs, ticks in drawn)
