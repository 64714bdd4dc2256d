"""Before the old colour is released, and where a rollout goes on after its engine's file was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pilotage.engine import Start
from pilotage.engine.clock import WallClock
from pilotage.engine.crew import Crew
from pilotage.engine.tasks import AskTask
from pilotage.engine.watching import Watching
from pilotage.engine.workflow import RolloutWorkflow
from pilotage.planfile import load
from pilotage.store import Store
from tests import stage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(f"sqlite:///{tmp_path / 'p.db'}")
    one.migrate()
    yield one
    one.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[stage.Stage]:
    one = stage.Stage(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize(("weight", "said"), [("100", ""), ("60", "splitter sends 40 % to it")])
async def test_a_colour_that_still_gets_traffic_is_not_released(
    world: stage.Stage, store: Store, tmp_path: Path, weight: str, said: str
) -> None:
    plan = load(world.plan()["plan"], directory=tmp_path)
    (tmp_path / "weight").write_text(weight)
    crew = Crew(plan, tmp_path)

    async def crew_of(_: str) -> Crew:
        return crew

    watching = Watching(store, tmp_path, WallClock(), crew_of)
    assert await watching.old_colour_serves(AskTask("r")) == said
    await crew.close()


def test_a_rollout_that_goes_on_at_a_phase_goes_back_from_there(world: stage.Stage, tmp_path: Path) -> None:
    plan = load(world.plan()["plan"], directory=tmp_path)
    begun = RolloutWorkflow(Start("r", plan, "ann", first_phase=2, next_number=7))
    assert begun._state.phase == 2
