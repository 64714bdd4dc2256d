"""`pilotage simulate`, as a person or a program uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilotage.cli.main import cli
from tests.planfile import test_strategies as strategies
from tests.planfile.test_planfile import GOOD


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK_URL", "http://127.0.0.1:1/hook")
    path = tmp_path / "plan.yaml"
    path.write_text(GOOD)
    return path


def simulate(plan: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["simulate", str(plan), *options])


def test_a_healthy_canary_is_left_alone_and_a_sick_one_is_found_at_once(plan: Path) -> None:
    healthy = json.loads(simulate(plan, "--errors", "x1", "--runs", "60", "--json").output)
    assert healthy["rolled_back"] <= 0.04
    sick = json.loads(simulate(plan, "--errors", "20%", "--runs", "60", "--json").output)
    assert (sick["rolled_back"], sick["found"]) == (1.0, 1.0)
    assert sick["median_s"] <= 20
    assert 0 < sick["harmed_requests"] < 40
    assert {"p90_s", "held", "rolled_back_low", "rolled_back_high"} <= sick.keys()
    assert (sick["runs"], sick["seed"]) == (60, 1)


def test_the_same_seed_gives_the_same_bytes(plan: Path) -> None:
    options = ("--errors", "x3", "--latency", "+30%", "--onset", "2m", "--runs", "20", "--seed", "7", "--json")
    assert simulate(plan, *options).output == simulate(plan, *options).output


def test_a_late_onset_is_counted_from_its_beginning(plan: Path) -> None:
    late = json.loads(simulate(plan, "--errors", "30%", "--onset", "5m", "--runs", "40", "--json").output)
    assert late["median_s"] <= 30


def test_the_table_says_what_it_simulated(plan: Path) -> None:
    result = simulate(plan, "--runs", "5", "--rate", "20", "--share", "25%", "--watch", "3m", "--base-errors", "1%")
    assert result.output.startswith("25 % for 3 min, 20 requests/s, 1.00% usual errors, 5 phases each:")
    assert [line.split("  ")[0] for line in result.output.splitlines()[2:7]] == [
        "healthy",
        "errors x2",
        "errors x5",
        "errors 20%",
        "latency x2",
    ]


def test_the_plans_own_expectations_are_used(plan: Path) -> None:
    plan.write_text(GOOD + "expect: {requests: 7/s, errors: 0.2%}\n")
    assert "10 % for 10 min, 7 requests/s, 0.20% usual errors" in simulate(plan, "--runs", "1").output


def test_a_fix_that_does_not_fix_is_found_by_the_bugs_own_metric(plan: Path) -> None:
    failed = json.loads(simulate(plan, "--errors", "x1", "--bug", "45%:45%", "--runs", "20", "--json").output)
    assert failed["rolled_back"] == 1.0
    fixed = json.loads(simulate(plan, "--errors", "x1", "--bug", "45%:0%", "--runs", "20", "--json").output)
    assert fixed["promoted"] >= 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--errors", "x0"], "--errors: expected x1, x5, 20%"),
        (["--errors", "x9999"], "at most 100 %"),
        (["--errors", "101%"], "--errors"),
        (["--errors", "x5", "--base-errors", "0%"], "x5 of no errors is none"),
        (["--latency", "slow"], "--latency: expected x2, +10% or tail"),
        (["--rate", "0"], "--rate: expected more than 0"),
        (["--share", "120%"], "percentage from 0% to 100%"),
        (["--share", "100%"], "there has to be a control"),
        (["--phase", "late"], "--phase: expected one of baseline, 10 %"),
        (["--onset", "20m"], "--onset: expected less than the watch"),
        (["--watch", "1s"], "--watch: expected one tick"),
        (["--runs", "0"], "--runs"),
        (["--bug", "45%"], "--bug: expected"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_sentence(plan: Path, options: list[str], said: str) -> None:
    result = simulate(plan, *options, "--runs", "1") if "--runs" not in options else simulate(plan, *options)
    assert said in f"{result.output} {result.exception}"
    assert result.exit_code != 0


def test_a_switch_of_all_traffic_is_judged_without_a_control(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(strategies.BLUE_GREEN)
    said = json.loads(simulate(file, "--errors", "20%", "--runs", "5", "--json").output)
    assert said["rolled_back"] == 1.0
    healthy = simulate(file, "--errors", "x1", "--runs", "5").output
    assert healthy.startswith("switch to green for 30 min")


def test_a_rolling_deployment_is_simulated_from_its_first_batch(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(strategies.ROLLING)
    assert simulate(file, "--errors", "x1", "--runs", "2").output.startswith("web1 for 5 min")
