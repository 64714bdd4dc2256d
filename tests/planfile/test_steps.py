"""A phase's weight that its splitter cannot set is refused before anything is."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.core.errors import PlanError
from tests.planfile.plans import COMPLETE, without

CONFIGCAT = (
    "{name: flag, driver: configcat, environment: 08d8f29f-65fc-4d6b-8c1f-2b1f2c1d0f10, setting: 1, username: ann, "
    "password: {env: PILOTAGE_TEST_SECRET}}"
)
STATSIG = "{name: gate, driver: statsig, gate: new, rule: canary, key: {env: PILOTAGE_TEST_SECRET}}"
ENVOY = '{name: proxy, driver: envoy, runtime_dir: r, key: k, admin: "http://127.0.0.1:9901"}'


def plan(weight: str, *splitters: str, on: str = "") -> str:
    rows = "".join(f"  - {one}\n" for one in splitters)
    phases = f"phases:\n  - {{weight: {weight}, watch: 10m{on}}}\n  - {{weight: 100%, watch: 10m}}\n"
    return without(COMPLETE, "traffic", "phases", "rollback") + f"traffic:\n{rows}{phases}"


@pytest.fixture(autouse=True)
def in_the_environment(monkeypatch):
    monkeypatch.setenv("PILOTAGE_TEST_SECRET", "x")


def problems(text: str) -> list[str]:
    try:
        planfile.load(text, directory=Path("/plans"))
    except PlanError as error:
        return [str(one) for one in error.problems]
    return []


@pytest.mark.parametrize(
    ("weight", "nearest"),
    [("0.5%", "The nearest: 1%."), ("12.5%", "The nearest: 12% or 13%."), ("99.9%", "99% or 100%")],
)
def test_half_a_percent_on_a_service_with_whole_ones_is_refused_where_it_stands(weight: str, nearest: str) -> None:
    (problem,) = problems(plan(weight, CONFIGCAT))
    assert "phases[0].weight: expected whole percents, for flag knows no others" in problem
    assert f"got {weight}" in problem
    assert nearest in problem


def test_a_finer_service_takes_it_to_its_own_step() -> None:
    assert problems(plan("12.55%", STATSIG)) == []
    (problem,) = problems(plan("12.555%", STATSIG))
    assert "expected steps of 0.01%, as gate has" in problem
    assert "The nearest: 12.55% or 12.56%." in problem


def test_only_the_splitters_that_a_phase_moves_are_asked() -> None:
    assert problems(plan("0.5%", ENVOY, CONFIGCAT, on=", on: [proxy]")) == []
    assert len(problems(plan("0.5%", ENVOY, CONFIGCAT))) == 1


def test_whole_percents_and_splitters_without_steps_are_as_before() -> None:
    assert problems(plan("10%", CONFIGCAT)) == []
    assert problems(plan("0.5%", ENVOY)) == []
